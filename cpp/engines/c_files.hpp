// The C files of an artifact, by which a model of the engine `c` is known.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "ferry/engine.h"

namespace ferry::c {

struct Source {
  std::string path;
  std::span<const std::byte> data;
};

struct Files {
  std::vector<Source> sources;
  std::string digest;   // the SHA-256 of each source
  std::string weights;  // that of model.weights.bin; empty where the weights are in the code
};

// Throws Refusal(FERRY_FORMAT) where there is none.
[[nodiscard]] Files sources_of(const ferry_open_request& request);

// Throws Refusal(FERRY_FORMAT) where there is a model.weights.bin of other bytes than those of weights.c, which is what runs.
void require_own_weights(const ferry_open_request& request);

// Throws Refusal unless `result` is what the self-test of a model says when it has passed; `path` stands in the message.
void require_passed(const std::string& path, int result);

}  // namespace ferry::c

// Outputs as .npy files, one file an output.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "output.hpp"
#include "output_file.hpp"

namespace ferry::cli {

struct NpyTarget {
  std::string output;
  OutputFile file;
};

// `batched`: the outputs have the batch N first; else they come once and whole. Where a file cannot be written again at its
// beginning and `total` is unknown, the rows wait in a temporary file until their count is known.
[[nodiscard]] std::unique_ptr<SampleWriter> open_npy_files(std::vector<NpyTarget> targets, std::optional<std::int64_t> total,
                                                           bool batched);

}  // namespace ferry::cli

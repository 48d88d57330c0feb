// Whether a model runs in isolation where the command line leaves it open.
#pragma once

#include <string>

#include "ferry/ferry.hpp"
#include "verbs.hpp"

namespace ferry::cli {

// Did a key of --trust, FERRY_TRUST or the process's policy sign this bundle? Where none of them asks, no key is trusted.
[[nodiscard]] bool is_trusted(const Bundle& bundle);

struct IsolationChoice {
  bool isolate;
  std::string shortcoming;  // why a model that should be isolated is not, as "got ..., expected ..."; empty where all is well
};

// `--isolate` and `--no-isolate` decide; without them a bundle that is not trusted is isolated where that is possible.
[[nodiscard]] IsolationChoice choose_isolation(const Bundle& bundle, const EngineOptions& options);

// Says on stderr, once in a process, that the models of this bundle are not isolated, and why.
void say_not_isolated(const std::string& shortcoming);

}  // namespace ferry::cli

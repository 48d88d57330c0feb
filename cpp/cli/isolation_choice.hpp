// Whether a model runs in isolation where the command line leaves it open.
#pragma once

#include <string>

#include "ferry/ferry.hpp"
#include "verbs.hpp"

namespace ferry::cli {

// Does a key that the user trusts sign this bundle? ferry-run is given no keys, so that none does.
[[nodiscard]] bool is_trusted(const Bundle& bundle) noexcept;

struct IsolationChoice {
  bool isolate;
  std::string shortcoming;  // why a model that should be isolated is not, as "got ..., expected ..."; empty where all is well
};

// `--isolate` and `--no-isolate` decide; without them a bundle that is not trusted is isolated where that is possible.
[[nodiscard]] IsolationChoice choose_isolation(const Bundle& bundle, const EngineOptions& options);

// Says on stderr, once in a process, that the models of this bundle are not isolated, and why.
void say_not_isolated(const std::string& shortcoming);

}  // namespace ferry::cli

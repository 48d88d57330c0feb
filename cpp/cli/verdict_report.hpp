// Verdicts for people. Python's `ferry verify` prints the same.
#pragma once

#include <span>
#include <string>

#include "ferry/ferry.hpp"

namespace ferry::cli {

// A table of every verdict, the evidence of each failure, and a closing line per engine.
[[nodiscard]] std::string verdicts_text(const Bundle& bundle, std::span<const EngineVerdict> engines);

}  // namespace ferry::cli

// Verdicts for people and as JSON (FORMAT.md section 9). Python's `ferry verify` prints the same.
#pragma once

#include <span>
#include <string>

#include "ferry/ferry.hpp"

namespace ferry::cli {

// At least one engine ran, and every one that ran passed.
[[nodiscard]] bool all_passed(std::span<const EngineVerdict> engines) noexcept;

// A table of every verdict, the evidence of each failure, and a closing line per engine.
[[nodiscard]] std::string verdicts_text(const Bundle& bundle, std::span<const EngineVerdict> engines);

[[nodiscard]] std::string verdicts_json(const Bundle& bundle, std::span<const EngineVerdict> engines);

}  // namespace ferry::cli

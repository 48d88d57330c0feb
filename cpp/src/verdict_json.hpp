// Verdicts as JSON (FORMAT.md section 9): what `verify --json` and ferry_verify give.
#pragma once

#include <ferry/ferry.hpp>
#include <span>
#include <string>

namespace ferry {

// One line, with its newline.
[[nodiscard]] std::string verdicts_json(const Bundle& bundle, std::span<const EngineVerdict> engines);

}  // namespace ferry

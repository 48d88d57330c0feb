// Verdicts as JSON (FORMAT.md section 9): what `verify --json` and ferry_verify give.
#pragma once

#include <cstddef>
#include <ferry/ferry.hpp>
#include <ferry/shadow.hpp>
#include <span>
#include <string>

namespace ferry {

// One line, with its newline.
[[nodiscard]] std::string verdicts_json(const Bundle& bundle, std::span<const EngineVerdict> engines);

// What the shadow's hook of the C ABI is told.
[[nodiscard]] std::string shadow_json(const ShadowVerdict& verdict);
// What ferry_session_profile gives.
[[nodiscard]] std::string profile_json(const std::string& engine, std::size_t calls, std::span<const LayerTime> layers);

}  // namespace ferry

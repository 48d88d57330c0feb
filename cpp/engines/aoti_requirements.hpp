// What a compiled package needs of a machine, and whether this one has it: asked before a loader sees the package.
// python/torchferry/engines/aoti_requirements.py is its twin. Standard library only.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "ferry/engine.h"

namespace ferry::aoti {

// A requirement that the manifest does not name (FERRY_FORMAT), or that this machine does not meet (FERRY_UNAVAILABLE).
struct Shortcoming {
  std::int32_t code;
  std::string text;
};

[[nodiscard]] std::optional<Shortcoming> find_shortcoming(const ferry_open_request& request, std::string_view torch_version);

}  // namespace ferry::aoti

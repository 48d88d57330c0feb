// Rules that a program is held to: what a door says where one is broken.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "ferry/engine.hpp"

namespace ferry::engines {

inline void require_rule(bool is_good, const std::string& text, std::string_view expected) {
  if (!is_good) throw Refusal{FERRY_FORMAT, text + ", expected " + std::string(expected)};
}

// Do `size` bytes from `offset` on lie inside `limit` bytes?
inline bool lies_inside(std::uint64_t offset, std::uint64_t size, std::uint64_t limit) {
  return offset <= limit && size <= limit - offset;
}

}  // namespace ferry::engines

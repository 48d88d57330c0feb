#include "crc32.hpp"

#include <array>
#include <cstdint>

namespace ferry::archive {

namespace {

constexpr std::uint32_t polynomial = 0xEDB88320U;

constexpr auto table = [] {
  std::array<std::uint32_t, 256> entries{};
  for (std::uint32_t i = 0; i < entries.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = value >> 1U ^ ((value & 1U) != 0 ? polynomial : 0U);
    entries[i] = value;
  }
  return entries;
}();

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before) noexcept {
  std::uint32_t crc = ~before;
  for (const auto byte : bytes) crc = crc >> 8U ^ table[(crc ^ std::to_integer<std::uint32_t>(byte)) & 0xFFU];
  return ~crc;
}

}  // namespace ferry::archive

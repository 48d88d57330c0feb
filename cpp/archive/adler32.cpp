#include "adler32.hpp"

#include <cstdint>

namespace ferry::archive {

std::uint32_t adler32(std::string_view bytes) noexcept {
  constexpr std::uint32_t modulus = 65521;
  std::uint32_t low = 1;
  std::uint32_t high = 0;
  for (const char byte : bytes) {
    low = (low + static_cast<std::uint8_t>(byte)) % modulus;
    high = (high + low) % modulus;
  }
  return high << 16U | low;
}

}  // namespace ferry::archive

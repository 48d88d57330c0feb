// A value's bits as another type of the same size: std::bit_cast, which the C++ library of Debian's Emscripten has not.
#pragma once

#include <cstring>
#include <type_traits>

namespace ferry {

template <typename To, typename From>
[[nodiscard]] To bits_as(const From& value) noexcept {
  static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
  To bits;
  std::memcpy(&bits, &value, sizeof(bits));
  return bits;
}

}  // namespace ferry

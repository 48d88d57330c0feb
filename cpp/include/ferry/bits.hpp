// A value's bits as another type of the same size. Standard library only.
#pragma once

#include <type_traits>

namespace ferry {

// std::bit_cast, which the C++ library of Debian's Emscripten has not; every compiler of C++20 has what it is made of.
template <typename To, typename From>
[[nodiscard]] constexpr To bits_as(const From& value) noexcept {
  static_assert(sizeof(To) == sizeof(From) && std::is_trivially_copyable_v<To> && std::is_trivially_copyable_v<From>);
  return __builtin_bit_cast(To, value);
}

}  // namespace ferry

// float16 and bfloat16 as they lie in memory: 16 bits, without arithmetic of their own. Standard library only.
//
// To float and double they are exact. From double they are rounded once, to the nearest, ties to even (IEEE 754); too large is
// infinite. A compiler's own type of the same bits (`_Float16`, `std::float16_t`, `__bf16`) may be copied to and from them.
#pragma once

#include <cstdint>
#include <type_traits>

#include <ferry/bits.hpp>

namespace ferry {

namespace half {

// 1 bit of sign, `exponent_bits`, then `digits` of the significand after its first.
template <int exponent_bits, int digits>
struct Layout {
  static constexpr int bias = (1 << (exponent_bits - 1)) - 1;
  static constexpr std::uint64_t infinity = ((std::uint64_t{1} << exponent_bits) - 1) << digits;
  static constexpr std::uint64_t sign = std::uint64_t{1} << 15U;
};

inline constexpr int wide_digits = 52;
inline constexpr int wide_bias = 1023;

template <int exponent_bits, int digits>
[[nodiscard]] constexpr double widen(std::uint16_t bits) noexcept {
  using Of = Layout<exponent_bits, digits>;
  const std::uint64_t sign = (bits & Of::sign) << 48U;
  const std::uint64_t rest = bits & ~Of::sign;
  constexpr int shift = wide_digits - digits;
  if (rest >= Of::infinity)  // NaN keeps its digits
    return bits_as<double>(sign | 0x7FF0'0000'0000'0000U | ((rest - Of::infinity) << shift));
  constexpr std::uint64_t rebias = static_cast<std::uint64_t>(wide_bias - Of::bias) << wide_digits;
  if (rest >= (std::uint64_t{1} << digits)) return bits_as<double>(sign | ((rest << shift) + rebias));
  // Subnormal: a normal number of the least exponent, less the first digit that this gave it.
  constexpr std::uint64_t least = rebias + (std::uint64_t{1} << wide_digits);
  const double value = bits_as<double>(least | (rest << shift)) - bits_as<double>(least);
  return sign != 0 ? -value : value;
}

template <int exponent_bits, int digits>
[[nodiscard]] constexpr std::uint16_t narrow(double value) noexcept {
  using Of = Layout<exponent_bits, digits>;
  const auto wide = bits_as<std::uint64_t>(value);
  const auto sign = static_cast<std::uint16_t>((wide >> 48U) & Of::sign);
  const std::uint64_t rest = wide & 0x7FFF'FFFF'FFFF'FFFFU;
  constexpr int shift = wide_digits - digits;
  if (rest > 0x7FF0'0000'0000'0000U)  // NaN stays one, and is quiet
    return static_cast<std::uint16_t>(sign | Of::infinity | (std::uint64_t{1} << (digits - 1)) |
                                      ((rest >> shift) & ((std::uint64_t{1} << digits) - 1)));
  const int exponent = static_cast<int>(rest >> wide_digits) - wide_bias + Of::bias;
  if (exponent > 2 * Of::bias) return static_cast<std::uint16_t>(sign | Of::infinity);
  // Of a subnormal number more digits fall away, and its first one is written out.
  const int lost = exponent > 0 ? shift : shift + 1 - exponent;
  if (lost > wide_digits + 1) return sign;
  constexpr std::uint64_t first = std::uint64_t{1} << wide_digits;
  const std::uint64_t whole =
      exponent > 0 ? (rest & (first - 1)) | (static_cast<std::uint64_t>(exponent) << wide_digits) : (rest & (first - 1)) | first;
  const std::uint64_t even = (whole >> lost) & 1U;
  const std::uint64_t below = (std::uint64_t{1} << (lost - 1)) - 1;
  return static_cast<std::uint16_t>(sign | ((whole + below + even) >> lost));  // a carry goes into the exponent
}

}  // namespace half

template <int exponent_bits, int digits>
struct HalfFloat {
  std::uint16_t bits = 0;

  HalfFloat() = default;
  constexpr explicit HalfFloat(double value) noexcept : bits(half::narrow<exponent_bits, digits>(value)) {}
  [[nodiscard]] static constexpr HalfFloat of(std::uint16_t bits) noexcept { return bits_as<HalfFloat>(bits); }
  constexpr explicit operator double() const noexcept { return half::widen<exponent_bits, digits>(bits); }
  constexpr explicit operator float() const noexcept { return static_cast<float>(half::widen<exponent_bits, digits>(bits)); }
};

using Float16 = HalfFloat<5, 10>;  // IEEE 754 binary16: 11 digits, up to 65504
using BFloat16 = HalfFloat<8, 7>;  // The upper half of a float: 8 digits, and the exponents of float

template <typename T>
inline constexpr bool is_half = std::is_same_v<T, Float16> || std::is_same_v<T, BFloat16>;

}  // namespace ferry

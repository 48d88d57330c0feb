// float16 and bfloat16 against the compiler's own binary16 and against the upper half of a float, for all 65,536 patterns.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>

#include "toy_bundle.hpp"

namespace {

using ferry::BFloat16;
using ferry::Float16;

constexpr std::uint32_t patterns = 1U << 16U;

template <typename Half>
Half half_of(std::uint32_t bits) {
  return Half::of(static_cast<std::uint16_t>(bits));
}

// The numbers beside a finite one, and half way to the next: where rounding decides.
template <typename Half>
void expect_nearest_even() {
  for (std::uint32_t bits = 0; bits + 1 < patterns / 2; ++bits) {
    const auto low = static_cast<double>(half_of<Half>(bits));
    const auto high = static_cast<double>(half_of<Half>(bits + 1));
    if (!std::isfinite(low) || !std::isfinite(high)) continue;
    const double middle = low / 2 + high / 2;
    const std::uint32_t even = bits % 2 == 0 ? bits : bits + 1;
    ASSERT_EQ(Half(middle).bits, even);
    ASSERT_EQ(Half(std::nextafter(middle, 0.0)).bits, bits);
    ASSERT_EQ(Half(std::nextafter(middle, 1e300)).bits, bits + 1);
    ASSERT_EQ(Half(-middle).bits, even | 0x8000U);
  }
}

template <typename Half>
void expect_round_trip() {
  for (std::uint32_t bits = 0; bits < patterns; ++bits) {
    const auto value = static_cast<double>(half_of<Half>(bits));
    if (std::isnan(value)) {
      ASSERT_TRUE(std::isnan(static_cast<double>(Half(value))));
      ASSERT_EQ(Half(value).bits & 0x8000U, bits & 0x8000U);
    } else {
      ASSERT_EQ(Half(value).bits, bits);
    }
    ASSERT_EQ(std::isnan(value), std::isnan(static_cast<float>(half_of<Half>(bits))));
  }
}

TEST(Half, EveryPatternComesBack) {
  expect_round_trip<Float16>();
  expect_round_trip<BFloat16>();
}

TEST(Half, DoublesAreRoundedOnceToTheNearestEven) {
  expect_nearest_even<Float16>();
  expect_nearest_even<BFloat16>();
}

TEST(Half, TooLargeIsInfiniteAndTooSmallIsZero) {
  EXPECT_EQ(Float16(65519.999).bits, 0x7BFFU);
  EXPECT_EQ(Float16(65520.0).bits, 0x7C00U);
  EXPECT_EQ(Float16(-1e300).bits, 0xFC00U);
  EXPECT_EQ(Float16(std::ldexp(1.0, -25)).bits, 0U);
  EXPECT_EQ(Float16(std::nextafter(std::ldexp(1.0, -25), 1.0)).bits, 1U);
  EXPECT_EQ(Float16(-std::numeric_limits<double>::denorm_min()).bits, 0x8000U);
  EXPECT_EQ(BFloat16(std::numeric_limits<double>::max()).bits, 0x7F80U);
  EXPECT_EQ(BFloat16(std::ldexp(1.0, -134)).bits, 0U);
  EXPECT_EQ(BFloat16(std::numeric_limits<double>::infinity()).bits, 0x7F80U);
}

TEST(Half, BFloat16IsTheUpperHalfOfAFloat) {
  for (std::uint32_t bits = 0; bits < patterns; ++bits) {
    const auto expected = std::bit_cast<float>(bits << 16U);
    const auto found = static_cast<float>(half_of<BFloat16>(bits));
    if (std::isnan(expected))
      ASSERT_TRUE(std::isnan(found));
    else
      ASSERT_EQ(std::bit_cast<std::uint32_t>(found), bits << 16U);
  }
}

#ifdef __FLT16_MAX__
TEST(Half, Float16IsTheCompilersBinary16) {
  for (std::uint32_t bits = 0; bits < patterns; ++bits) {
    const auto pattern = static_cast<std::uint16_t>(bits);
    _Float16 expected = 0;
    std::memcpy(&expected, &pattern, sizeof expected);
    const auto found = static_cast<double>(half_of<Float16>(bits));
    if (std::isnan(static_cast<double>(expected)))
      ASSERT_TRUE(std::isnan(found));
    else
      ASSERT_EQ(std::bit_cast<std::uint64_t>(found), std::bit_cast<std::uint64_t>(static_cast<double>(expected)));
  }
}
#endif

template <typename Half>
ferry::Verdict compared(double actual, double expected, double bound) {
  const auto got = ferry::Tensor::from<Half>({1}, {Half(actual)});
  const auto golden = ferry::Tensor::from<double>({1}, {expected});
  const ferry::Tolerance row = {"toy", "cpu",   "y", "any", ferry::Reference::float64, ferry::ToleranceKind::absolute,
                                bound, "a test"};
  return ferry::compare(&got, golden, row, false);
}

// The neighbour of 1 is 2^-10 away in float16, 2^-7 in bfloat16.
TEST(Half, StepsAndBoundsAreThoseOfTheDtype) {
  EXPECT_EQ(compared<Float16>(1 + 0x1p-10, 1, 0x1p-10).max_ulp, 1);
  EXPECT_TRUE(compared<Float16>(1 + 0x1p-10, 1, 0x1p-10).passed);
  EXPECT_FALSE(compared<Float16>(1 + 0x1p-10, 1, 0x1p-11).passed);
  EXPECT_EQ(compared<BFloat16>(1 + 0x1p-7, 1, 1).max_ulp, 1);
  EXPECT_EQ(compared<BFloat16>(-0x1p-133, 0x1p-133, 1).max_ulp, 2);  // past both zeros
  EXPECT_FALSE(compared<BFloat16>(std::nan(""), 1, 1).passed);
}

TEST(Half, OneBitIsSeenAmongEqualBits) {
  const ferry::Tolerance row = {"toy", "cpu", "y", "any", ferry::Reference::float32, ferry::ToleranceKind::bits, 0, "a test"};
  const auto golden = ferry::Tensor::from<BFloat16>({2}, {BFloat16(1), BFloat16(2)});
  const auto other = ferry::Tensor::from<BFloat16>({2}, {BFloat16(1), BFloat16::of(0x4001)});
  EXPECT_TRUE(ferry::compare(&golden, golden, row, false).passed);
  EXPECT_EQ(ferry::compare(&other, golden, row, false).mismatches, 1U);
  const auto zero = ferry::Tensor::from<Float16>({1}, {Float16(0.0)});
  const auto minus = ferry::Tensor::from<Float16>({1}, {Float16(-0.0)});
  EXPECT_FALSE(ferry::compare(&minus, zero, row, false).passed);
}

}  // namespace

// float_text_stdio.cpp, which stands for <charconv> in WebAssembly, against <charconv>: the same characters, the same numbers.
#include "float_text.hpp"

#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

namespace ferry::float_text {

namespace {

constexpr int random_count = 20000;

template <typename... Arguments>
std::string by_charconv(Arguments... arguments) {
  std::array<char, 512> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), arguments...).ptr};
}

// Every exponent, numbers that people write, and both ends of what is normal.
template <typename Float, typename Bits>
std::vector<Float> numbers() {
  using Limits = std::numeric_limits<Float>;
  std::vector<Float> all{0,      Float(-0.0), 1,           10,          1e4F,          1e5F,
                         123456, Float(0.1),  Float(1e-4), Float(1e-5), Float(1.5e15), Float(1e16)};
  all.insert(all.end(),
             {Float(1e22), Float(1e23), Limits::max(), Limits::min(), Limits::denorm_min(), Limits::lowest(), Limits::epsilon()});
  std::mt19937_64 source(1);  // NOLINT(cert-msc32-c,cert-msc51-cpp): the same numbers in every run
  while (all.size() < random_count) {
    const auto bits = static_cast<Bits>(source());
    Float value = 0;
    std::memcpy(&value, &bits, sizeof(value));
    if (std::isfinite(value)) all.push_back(value);
  }
  return all;
}

}  // namespace

TEST(FloatText, IsThatOfCharconv) {
  for (const double value : numbers<double, std::uint64_t>()) {
    ASSERT_EQ(scientific(value), by_charconv(value, std::chars_format::scientific));
    ASSERT_EQ(shortest(value), by_charconv(value));
    for (const int digits : {1, 3, 6, 17})
      ASSERT_EQ(general(value, digits), by_charconv(value, std::chars_format::general, digits));
    if (!std::signbit(value)) {
      ASSERT_EQ(parse(shortest(value)), value);
    }
  }
  for (const float value : numbers<float, std::uint32_t>())
    ASSERT_EQ(scientific(value), by_charconv(value, std::chars_format::scientific));
}

TEST(FloatText, TellsWhatFloat64CannotHold) {
  EXPECT_EQ(parse("0.0"), 0);
  EXPECT_EQ(parse("0e-999"), 0);
  EXPECT_EQ(parse("1e309"), std::nullopt);
  EXPECT_EQ(parse("1e-400"), std::nullopt);
  EXPECT_EQ(parse("5e-324"), std::numeric_limits<double>::denorm_min());
}

}  // namespace ferry::float_text

#include "csv_cell.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>

namespace {

using ferry::DType;
using ferry::cli::cell_problem;
using ferry::cli::is_number;
using ferry::cli::parse_cell;

ferry::TensorSpec spec_of(DType dtype) {
  ferry::TensorSpec spec;
  spec.name = "x";
  spec.dtype = dtype;
  spec.allow_nonfinite = true;
  return spec;
}

template <typename T>
T parsed(std::string_view cell) {
  T value{};
  EXPECT_EQ(parse_cell(cell, spec_of(ferry::dtype_of<T>()), reinterpret_cast<std::byte*>(&value)), "") << cell;
  return value;
}

std::string refusal(std::string_view cell, DType dtype) {
  std::byte element[8];
  return std::string(parse_cell(cell, spec_of(dtype), element));
}

TEST(CsvNumbers, FollowTheGrammar) {
  for (const auto* cell : {"0", "-1", "+1.", ".5", "-.5e-3", "1E+10", "007", "nan", "-NaN", "inf", "+Infinity", "1e999"})
    EXPECT_TRUE(is_number(cell)) << cell;
  for (const auto* cell : {"",        ".",      "-",   "e5",  "1e", "1e+", "1.2.3", "0x10", "1_000", "1 2",  " 1",
                           "infinit", "nan(1)", "++1", "1,5", "1f", "--1", "inf.",  "1e5x", "1e5.0", "1e5e5"})
    EXPECT_FALSE(is_number(cell)) << cell;
}

TEST(CsvNumbers, AreThoseOfStrtod) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 20'000; ++i) {
    const auto bits = random();
    double value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    char text[64];
    std::snprintf(text, sizeof text, "%.*g", static_cast<int>(random() % 25), value);
    EXPECT_EQ(parsed<double>(text), std::strtod(text, nullptr)) << text;
    EXPECT_EQ(parsed<float>(text), static_cast<float>(std::strtod(text, nullptr))) << text;
  }
}

TEST(CsvNumbers, OutsideTheRangeAreInfiniteOrZero) {
  EXPECT_EQ(parsed<double>("-1e999"), -std::numeric_limits<double>::infinity());
  EXPECT_EQ(parsed<double>("1e-999"), 0.0);
  EXPECT_EQ(parsed<float>("1e39"), std::numeric_limits<float>::infinity());
  EXPECT_EQ(parsed<double>("-INFINITY"), -std::numeric_limits<double>::infinity());
  const std::string zeros(400, '0');
  EXPECT_EQ(parsed<double>("1" + zeros), std::numeric_limits<double>::infinity());
  EXPECT_EQ(parsed<double>("0." + zeros + "1e10"), 0.0);
  EXPECT_TRUE(std::isnan(parsed<float>("nan")));
  EXPECT_TRUE(std::signbit(parsed<float>("-0")));
}

// 0.1 + 2^-54 lies between two floats in a way that a direct rounding decides otherwise than one through float64.
TEST(CsvNumbers, AreRoundedToFloat64AndThenOnce) {
  const auto* cell = "1.00000005960464480638504028320312501";
  EXPECT_EQ(parsed<float>(cell), static_cast<float>(std::strtod(cell, nullptr)));
}

TEST(CsvIntegers, TakeTheirRangeOnly) {
  EXPECT_EQ(parsed<std::uint8_t>("255"), 255);
  EXPECT_EQ(parsed<std::uint8_t>("-0"), 0);
  EXPECT_EQ(parsed<std::uint8_t>("+007"), 7);
  EXPECT_EQ(parsed<std::int8_t>("-128"), -128);
  EXPECT_EQ(parsed<std::int64_t>("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(refusal("256", DType::uint8), "an integer from 0 to 255");
  EXPECT_EQ(refusal("-1", DType::uint8), "an integer from 0 to 255");
  EXPECT_EQ(refusal("128", DType::int8), "an integer from -128 to 127");
  EXPECT_EQ(refusal("32768", DType::int16), "an integer from -32768 to 32767");
  EXPECT_EQ(refusal("2147483648", DType::int32), "an integer from -2147483648 to 2147483647");
  EXPECT_EQ(refusal("9223372036854775808", DType::int64), "an integer from -9223372036854775808 to 9223372036854775807");
  for (const auto* cell : {"", "1.0", "1e2", "nan", "0x1", "+", "1 "}) EXPECT_NE(refusal(cell, DType::int64), "") << cell;
}

TEST(CsvBooleans, AreZeroAndOneAndTheirWords) {
  EXPECT_TRUE(parsed<bool>("1"));
  EXPECT_FALSE(parsed<bool>("0"));
  EXPECT_TRUE(parsed<bool>("True"));
  EXPECT_FALSE(parsed<bool>("FALSE"));
  EXPECT_EQ(refusal("yes", DType::boolean), "0, 1, false or true");
  EXPECT_EQ(refusal("2", DType::boolean), "0, 1, false or true");
}

TEST(CsvFloats, RefuseWhatIsNoNumber) {
  EXPECT_EQ(refusal("x7", DType::float32), "a number");
  EXPECT_EQ(refusal("", DType::float64), "a number");
}

TEST(CsvFloats, AreFiniteUnlessTheContractAllowsMore) {
  auto spec = spec_of(DType::float32);
  spec.allow_nonfinite = false;
  std::byte element[8];
  for (const auto* cell : {"nan", "-inf", "1e39", "3.4028235677973366e38"})
    EXPECT_EQ(parse_cell(cell, spec, element), "a finite float32") << cell;
  EXPECT_EQ(parse_cell("3.4028235677973362e38", spec, element), "");
  spec.dtype = DType::float64;
  EXPECT_EQ(parse_cell("1e39", spec, element), "");
  EXPECT_EQ(parse_cell("1e309", spec, element), "a finite float64");
}

TEST(CsvProblems, SayWhatTheCellIs) {
  EXPECT_EQ(cell_problem("N/A", "a number"), "got 'N/A' (a missing value), expected a number; fill it in or leave the row out");
  EXPECT_EQ(cell_problem("-1.000,5", "a number"),
            "got '-1.000,5' (a comma in a number), expected a number; write decimal points, and no marks of thousands");
  EXPECT_EQ(cell_problem("1e,5", "a number"), "got '1e,5', expected a number; correct the file");
  const std::string umlauts = "\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC\xC3\xBC";
  EXPECT_EQ(ferry::cli::shown(umlauts + umlauts + umlauts + umlauts + "x"), "'" + umlauts + umlauts + umlauts + umlauts + "'");
}

}  // namespace

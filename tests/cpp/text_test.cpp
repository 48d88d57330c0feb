#include "text.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>
#include <random>

namespace {

using ferry::text::append_json_number;
using ferry::text::append_json_string;
using ferry::text::is_utf8;
using ferry::text::printable;

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

template <typename Float>
std::string json_number(Float value) {
  std::string out;
  append_json_number(out, value);
  return out;
}

TEST(Text, ControlCharactersArePrintedOnOneLine) { EXPECT_EQ(printable("a\nb\t\x7F\xFFz"), "a\\x0ab\\x09\\x7f\\xffz"); }

TEST(Text, TextBeyondAsciiIsPrintedAsItIs) { EXPECT_EQ(printable("Größe 尺"), "Größe 尺"); }

TEST(Text, LongTextIsCut) {
  const std::string cut = printable(std::string(5000, 'x'));
  EXPECT_LT(cut.size(), 1100U);
  EXPECT_TRUE(cut.ends_with("x..."));
}

TEST(Text, JsonStringsReadBack) {
  const std::string text = std::string("quote \" slash \\ newline \n tab \t bell \a delete \x7F nul \0 end", 55) + " ä 尺 😀";
  EXPECT_EQ(nlohmann::json::parse(json_string(text)).get<std::string>(), text);
}

TEST(Text, BytesThatAreNotUtf8BecomeTheReplacementCharacter) { EXPECT_EQ(json_string("a\xC3z"), "\"a\xEF\xBF\xBDz\""); }

TEST(Text, Utf8IsToldFromWhatOnlyLooksLikeIt) {
  EXPECT_TRUE(is_utf8("a\xC3\xA4\xE5\xB0\xBA\xF0\x9F\x98\x80"));
  for (const std::string_view bad :
       {"\x80", "\xC3", "\xC0\x80", "\xE0\x80\x80", "\xED\xA0\x80", "\xF0\x80\x80\x80", "\xF4\x90\x80\x80", "\xFF"}) {
    EXPECT_FALSE(is_utf8(bad)) << printable(bad);
  }
}

TEST(Text, FloatsAreTheShortestThatReadBack) {
  EXPECT_EQ(json_number(0.1F), "0.1");
  EXPECT_EQ(json_number(0.1), "0.1");
  EXPECT_EQ(json_number(static_cast<double>(0.1F)), "0.10000000149011612");
  EXPECT_EQ(json_number(2.0F), "2.0");
  EXPECT_EQ(json_number(-0.0F), "-0.0");
  std::mt19937 random(1);
  for (int i = 0; i < 10000; ++i) {
    const auto bits = static_cast<std::uint32_t>(random());
    float value = 0;
    std::memcpy(&value, &bits, sizeof value);
    if (!std::isfinite(value)) continue;
    EXPECT_EQ(std::strtof(json_number(value).c_str(), nullptr), value);
  }
}

TEST(Text, NumbersThatAreNotFiniteAreStrings) {
  EXPECT_EQ(json_number(std::numeric_limits<float>::quiet_NaN()), "\"nan\"");
  EXPECT_EQ(json_number(std::numeric_limits<double>::infinity()), "\"inf\"");
  EXPECT_EQ(json_number(-std::numeric_limits<double>::infinity()), "\"-inf\"");
}

TEST(Text, NumbersAreShortAndExact) {
  EXPECT_EQ(ferry::text::short_number(4.5771399044269856e-05), "4.58e-05");
  EXPECT_EQ(ferry::text::short_number(0.5, 9), "0.5");
  EXPECT_EQ(ferry::text::exact_number(4.5771399044269856e-05), "4.5771399044269856e-05");
}

}  // namespace

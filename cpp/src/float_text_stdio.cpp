// float_text.hpp by printf and strtod, for C libraries that know one locale, as that of Emscripten.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

#include "float_text.hpp"

namespace ferry::float_text {

namespace {

constexpr int most_digits = 17;  // that a float64 needs

template <typename... Arguments>
std::string printed(const char* format, Arguments... arguments) {
  std::array<char, 512> buffer{};  // the largest float64 has 309 digits
  const int length = std::snprintf(buffer.data(), buffer.size(), format, arguments...);
  return {buffer.data(), static_cast<std::size_t>(length)};
}

float read_back(const std::string& text, float /*value*/) { return std::strtof(text.c_str(), nullptr); }
double read_back(const std::string& text, double /*value*/) { return std::strtod(text.c_str(), nullptr); }

template <typename Float>
std::string fewest_digits(Float value) {
  for (int digits = 0; digits < most_digits - 1; ++digits) {
    std::string text = printed("%.*e", digits, static_cast<double>(value));
    if (read_back(text, value) == value) return text;
  }
  return printed("%.*e", most_digits - 1, static_cast<double>(value));
}

}  // namespace

std::string scientific(float value) { return fewest_digits(value); }
std::string scientific(double value) { return fewest_digits(value); }

std::string general(double value, int digits) { return printed("%.*g", digits, value); }

std::string shortest(double value) {
  if (!std::isfinite(value)) return printed("%g", value);
  const std::string text = scientific(value);
  const auto mark = text.find('e');
  const auto point = text.find('.');
  const int decimals = point == std::string::npos ? 0 : static_cast<int>(mark - point) - 1;
  const std::string fixed = printed("%.*f", std::max(decimals - std::stoi(text.substr(mark + 1)), 0), value);
  return fixed.size() <= text.size() ? fixed : text;
}

std::optional<double> parse(std::string_view number) {
  const double value = std::strtod(std::string(number).c_str(), nullptr);
  const bool is_lost = value == 0 && number.substr(0, number.find('e')).find_first_of("123456789") != std::string_view::npos;
  return std::isfinite(value) && !is_lost ? std::optional(value) : std::nullopt;
}

}  // namespace ferry::float_text

#include "float_text.hpp"

#include <array>
#include <charconv>
#include <system_error>

namespace ferry::float_text {

namespace {

template <typename... Arguments>
std::string written(Arguments... arguments) {
  std::array<char, 64> buffer{};
  return {buffer.data(), std::to_chars(buffer.data(), buffer.data() + buffer.size(), arguments...).ptr};
}

}  // namespace

std::string scientific(float value) { return written(value, std::chars_format::scientific); }
std::string scientific(double value) { return written(value, std::chars_format::scientific); }

std::string general(double value, int digits) { return written(value, std::chars_format::general, digits); }

std::string shortest(double value) { return written(value); }

std::optional<double> parse(std::string_view number) {
  double value = 0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  return result.ec == std::errc() ? std::optional(value) : std::nullopt;
}

}  // namespace ferry::float_text

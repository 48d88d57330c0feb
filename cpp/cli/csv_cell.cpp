#include "csv_cell.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

namespace ferry::cli {

namespace {

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

std::string_view without_spaces(std::string_view text) noexcept {
  const auto first = text.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

std::string_view without_sign(std::string_view text) noexcept {
  if (!text.empty() && (text.front() == '+' || text.front() == '-')) text.remove_prefix(1);
  return text;
}

std::string_view without_digits(std::string_view text) noexcept {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  return text.substr(count);
}

bool equal_ignoring_case(std::string_view text, std::string_view lower) noexcept {
  if (text.size() != lower.size()) return false;
  for (std::size_t i = 0; i < text.size(); ++i)
    if (to_lower(text[i]) != lower[i]) return false;
  return true;
}

bool is_infinity(std::string_view unsigned_text) noexcept {
  return equal_ignoring_case(unsigned_text, "inf") || equal_ignoring_case(unsigned_text, "infinity");
}

// digits[.digits?] | .digits, then an exponent.
bool is_decimal(std::string_view text) noexcept {
  const auto after_whole = without_digits(text);
  std::size_t digits = text.size() - after_whole.size();
  auto rest = after_whole;
  if (!rest.empty() && rest.front() == '.') {
    const auto after_fraction = without_digits(rest.substr(1));
    digits += rest.size() - 1 - after_fraction.size();
    rest = after_fraction;
  }
  if (digits == 0) return false;
  if (rest.empty()) return true;
  if (rest.front() != 'e' && rest.front() != 'E') return false;
  const auto exponent = without_sign(rest.substr(1));
  return !exponent.empty() && without_digits(exponent).empty();
}

// Whether a number of that grammar that float64 cannot hold is too large; else it is too small. The power of ten of its first
// digit that is not 0 decides.
bool is_too_large(std::string_view digits) noexcept {
  const auto mantissa = digits.substr(0, digits.find_first_of("eE"));
  const auto exponent = mantissa.size() == digits.size() ? std::string_view() : digits.substr(mantissa.size() + 1);
  constexpr std::int64_t beyond = std::int64_t{1} << 62U;
  std::int64_t power = 0;
  const auto number = exponent.starts_with('+') ? exponent.substr(1) : exponent;
  if (std::from_chars(number.data(), number.data() + number.size(), power).ec == std::errc::result_out_of_range)
    power = number.starts_with('-') ? -beyond : beyond;
  const auto first = static_cast<std::int64_t>(std::min(mantissa.find_first_of("123456789"), mantissa.size()));
  const auto point = static_cast<std::int64_t>(std::min(mantissa.find('.'), mantissa.size()));
  return std::clamp(power, -beyond, beyond) + point - first > 0;
}

// A number of the grammar above. Too large is infinite, too small is 0, as IEEE 754 rounds.
double to_double(std::string_view cell) {
  const bool negative = cell.front() == '-';
  const auto digits = without_sign(cell);
  double value = 0;
  if (is_infinity(digits))
    value = std::numeric_limits<double>::infinity();
  else if (equal_ignoring_case(digits, "nan"))
    value = std::numeric_limits<double>::quiet_NaN();
  else if (std::from_chars(digits.data(), digits.data() + digits.size(), value).ec == std::errc::result_out_of_range)
    value = is_too_large(digits) ? std::numeric_limits<double>::infinity() : 0;
  return negative ? -value : value;
}

template <typename T>
void store(T value, std::byte* element) noexcept {
  std::memcpy(element, &value, sizeof value);
}

template <typename T>
std::string_view parse_float(std::string_view cell, std::byte* element) {
  if (!is_number(cell)) return "a number";
  store(static_cast<T>(to_double(cell)), element);
  return {};
}

template <typename T>
constexpr std::string_view expected_integer() {
  if constexpr (std::is_same_v<T, std::uint8_t>)
    return "an integer from 0 to 255";
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return "an integer from -128 to 127";
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return "an integer from -32768 to 32767";
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return "an integer of 32 bits";
  else
    return "an integer of 64 bits";
}

template <typename T>
std::string_view parse_integer(std::string_view cell, std::byte* element) noexcept {
  const auto digits = without_sign(cell);
  if (digits.empty() || !without_digits(digits).empty()) return expected_integer<T>();
  const auto number = cell.front() == '+' ? digits : cell;
  // Through int64, so that "-0" is 0 for unsigned dtypes too.
  std::int64_t value = 0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  if (result.ec != std::errc() || !std::in_range<T>(value)) return expected_integer<T>();
  store(static_cast<T>(value), element);
  return {};
}

std::string_view parse_bool(std::string_view cell, std::byte* element) noexcept {
  if (cell != "0" && cell != "1") return "0 or 1";
  store(static_cast<std::uint8_t>(cell == "1"), element);
  return {};
}

}  // namespace

void split_cells(std::string_view line, std::vector<std::string_view>& cells) {
  cells.clear();
  for (bool more = true; more;) {
    const auto comma = line.find(',');
    auto cell = without_spaces(line.substr(0, comma));
    if (cell.size() >= 2 && cell.front() == '"' && cell.back() == '"') cell = cell.substr(1, cell.size() - 2);
    cells.push_back(cell);
    more = comma != std::string_view::npos;
    if (more) line.remove_prefix(comma + 1);
  }
}

bool is_number(std::string_view cell) noexcept {
  const auto text = without_sign(cell);
  return is_decimal(text) || is_infinity(text) || equal_ignoring_case(text, "nan");
}

std::string_view parse_cell(std::string_view cell, DType dtype, std::byte* element) noexcept {
  switch (dtype) {
    case DType::boolean:
      return parse_bool(cell, element);
    case DType::uint8:
      return parse_integer<std::uint8_t>(cell, element);
    case DType::int8:
      return parse_integer<std::int8_t>(cell, element);
    case DType::int16:
      return parse_integer<std::int16_t>(cell, element);
    case DType::int32:
      return parse_integer<std::int32_t>(cell, element);
    case DType::int64:
      return parse_integer<std::int64_t>(cell, element);
    case DType::float32:
      return parse_float<float>(cell, element);
    case DType::float64:
      return parse_float<double>(cell, element);
  }
  return "a dtype that a contract can name";
}

}  // namespace ferry::cli

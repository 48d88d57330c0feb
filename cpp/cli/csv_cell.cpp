#include "csv_cell.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <string>
#include <system_error>
#include <utility>

#include "text.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t shown_characters = 40;  // of a cell or a name, in a message

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

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
std::string parse_float(std::string_view cell, bool allow_nonfinite, std::byte* element) {
  if (!is_number(cell)) return "a number";
  const auto value = static_cast<T>(to_double(cell));
  if (!allow_nonfinite && !std::isfinite(static_cast<double>(value))) return "a finite " + std::string(to_string(dtype_of<T>()));
  store(value, element);
  return {};
}

template <typename T>
std::string parse_integer(std::string_view cell, const TensorSpec& spec, std::byte* element) {
  const auto limits = integer_limits<T>(spec);
  const auto digits = without_sign(cell);
  if (digits.empty() || !without_digits(digits).empty()) return limits.text();
  const auto number = cell.front() == '+' ? digits : cell;
  // Through int64, so that "-0" is 0 for unsigned dtypes too.
  std::int64_t value = 0;
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  if (result.ec != std::errc() || value < limits.least || value > limits.most) return limits.text();
  store(static_cast<T>(value), element);
  return {};
}

std::string_view parse_bool(std::string_view cell, std::byte* element) {
  const bool yes = cell == "1" || equal_ignoring_case(cell, "true");
  if (!yes && cell != "0" && !equal_ignoring_case(cell, "false")) return "0, 1, false or true";
  store(static_cast<std::uint8_t>(yes), element);
  return {};
}

// A number with a comma in it: digits, points and at least one comma, then an exponent.
bool has_comma(std::string_view cell) noexcept {
  auto text = without_sign(cell);
  const auto exponent = std::min(text.find_first_of("eE"), text.size());
  if (exponent < text.size()) {
    const auto digits = without_sign(text.substr(exponent + 1));
    if (digits.empty() || !without_digits(digits).empty()) return false;
    text = text.substr(0, exponent);
  }
  return text.find(',') != std::string_view::npos && text.find_first_not_of("0123456789.,") == std::string_view::npos;
}

}  // namespace

bool is_number(std::string_view cell) noexcept {
  const auto text = without_sign(cell);
  return is_decimal(text) || is_infinity(text) || equal_ignoring_case(text, "nan");
}

std::string parse_cell(std::string_view cell, const TensorSpec& spec, std::byte* element) {
  switch (spec.dtype) {
    case DType::boolean:
      return std::string(parse_bool(cell, element));
    case DType::uint8:
      return parse_integer<std::uint8_t>(cell, spec, element);
    case DType::int8:
      return parse_integer<std::int8_t>(cell, spec, element);
    case DType::int16:
      return parse_integer<std::int16_t>(cell, spec, element);
    case DType::int32:
      return parse_integer<std::int32_t>(cell, spec, element);
    case DType::int64:
      return parse_integer<std::int64_t>(cell, spec, element);
    case DType::float32:
      return parse_float<float>(cell, spec.allow_nonfinite, element);
    case DType::float64:
      return parse_float<double>(cell, spec.allow_nonfinite, element);
    case DType::float16:
      return parse_float<Float16>(cell, spec.allow_nonfinite, element);
    case DType::bfloat16:
      return parse_float<BFloat16>(cell, spec.allow_nonfinite, element);
  }
  return "a dtype that a contract can name";
}

bool is_missing(std::string_view cell) noexcept {
  constexpr std::array<std::string_view, 14> words = {"",     "na",  "n/a",     "#n/a", "<na>", "nan", "null",
                                                      "none", "nil", "missing", "-",    "?",    "."};
  return std::ranges::any_of(words, [cell](std::string_view word) { return equal_ignoring_case(cell, word); });
}

bool is_answer(std::string_view cell) noexcept {
  constexpr std::array<std::string_view, 6> words = {"true", "false", "yes", "no", "on", "off"};
  return std::ranges::any_of(words, [cell](std::string_view word) { return equal_ignoring_case(cell, word); });
}

bool has_point(std::string_view cell) noexcept {
  return cell.find('.') != std::string_view::npos && is_decimal(without_sign(cell));
}

bool is_pointed_whole(std::string_view cell) noexcept {
  const auto digits = without_sign(cell);
  const auto fraction = without_digits(digits);
  return fraction.size() != digits.size() && fraction.starts_with('.') &&
         fraction.find_first_not_of('0', 1) == std::string_view::npos;
}

std::string shown(std::string_view text) {
  std::size_t size = 0;
  for (std::size_t characters = 0; size < text.size(); ++size)
    if ((static_cast<unsigned char>(text[size]) & 0xC0U) != 0x80U && characters++ == shown_characters) break;
  return text::quoted(text.substr(0, size));
}

std::string cell_problem(std::string_view cell, std::string_view expected) {
  const auto got = "got " + shown(cell);
  const auto wanted = ", expected " + std::string(expected);
  if (is_missing(cell)) return got + " (a missing value)" + wanted + "; fill it in or leave the row out";
  if (has_comma(cell)) return got + " (a comma in a number)" + wanted + "; write decimal points, and no marks of thousands";
  return got + wanted + "; correct the file";
}

}  // namespace ferry::cli

#include "kinds/kind.hpp"

#include <charconv>
#include <limits>

#include "text.hpp"

namespace ferry {

namespace {

constexpr std::string_view opening = "at most ";

std::size_t count_digits(std::string_view text) noexcept { return std::min(text.find_first_not_of("0123456789"), text.size()); }

// The length of digits[.digits][e[+-]digits] at the start of `text`; 0 where there is none.
std::size_t count_number(std::string_view text) noexcept {
  std::size_t end = count_digits(text);
  if (end == 0) return 0;
  if (end < text.size() && text[end] == '.') {
    const std::size_t fraction = count_digits(text.substr(end + 1));
    if (fraction == 0) return end;
    end += 1 + fraction;
  }
  if (end == text.size() || text[end] != 'e') return end;
  const bool has_sign = end + 1 < text.size() && (text[end + 1] == '+' || text[end + 1] == '-');
  const std::size_t start = end + (has_sign ? 2 : 1);
  const std::size_t exponent = start < text.size() ? count_digits(text.substr(start)) : 0;
  return exponent == 0 ? end : start + exponent;
}

// The number of `at most NUMBER: ` at the start of a reason; NaN where float64 cannot hold it.
std::optional<double> named_bound(std::string_view reason) noexcept {
  if (!reason.starts_with(opening)) return std::nullopt;
  reason.remove_prefix(opening.size());
  const std::size_t length = count_number(reason);
  if (length == 0 || !reason.substr(length).starts_with(": ")) return std::nullopt;
  double value = 0;
  const std::string_view number = reason.substr(0, length);
  const auto result = std::from_chars(number.data(), number.data() + number.size(), value);
  return result.ec == std::errc() ? value : std::numeric_limits<double>::quiet_NaN();
}

}  // namespace

std::optional<RowProblem> kinds::naming_problem(const Tolerance& row) {
  const std::optional<double> named = named_bound(row.reason);
  if (named ? row.bound > 0 && *named == row.bound : row.bound == 0) return std::nullopt;
  if (row.bound == 0) return RowProblem{"reason", "one for another bound", "one that names no bound"};
  return RowProblem{"reason", "one for another bound",
                    "one that begins '" + std::string(opening) + text::exact_number(row.bound) + ":'"};
}

const Kind& kind_of(ToleranceKind kind) noexcept {
  switch (kind) {
    case ToleranceKind::bits:
      return kinds::bits();
    case ToleranceKind::absolute:
      return kinds::absolute();
    case ToleranceKind::label:
      return kinds::label();
  }
  return kinds::bits();  // no enumerator: the kind that nothing but equality passes
}

std::optional<ToleranceKind> next_kind(ToleranceKind kind) noexcept {
  switch (kind) {
    case ToleranceKind::bits:
      return ToleranceKind::absolute;
    case ToleranceKind::absolute:
      return ToleranceKind::label;
    case ToleranceKind::label:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace ferry

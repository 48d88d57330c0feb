#include "kinds/kind.hpp"

#include <limits>

#include "float_text.hpp"
#include "text.hpp"

namespace ferry {

namespace {

constexpr std::string_view opening = "at most ";
constexpr std::string_view probable = "certified with probability ";
constexpr double least_sure = 1e-9;  // the Python twin is python/torchferry/compare/kinds/kind.py

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

// Takes `BEFORE NUMBER: ` off the start of `text` and gives the number; NaN where float64 cannot hold it.
std::optional<double> take_number(std::string_view& text, std::string_view before) noexcept {
  if (!text.starts_with(before)) return std::nullopt;
  const std::string_view rest = text.substr(before.size());
  const std::size_t length = count_number(rest);
  if (length == 0 || !rest.substr(length).starts_with(": ")) return std::nullopt;
  text = rest.substr(length + 2);
  return float_text::parse(rest.substr(0, length)).value_or(std::numeric_limits<double>::quiet_NaN());
}

// A certificate that holds but for a probability states one that is small.
bool is_sure(std::string_view reason) noexcept {
  if (!reason.starts_with(probable)) return true;
  reason.remove_prefix(probable.size());
  const std::optional<double> contrary = take_number(reason, "1 - ");
  return contrary && *contrary > 0 && *contrary <= least_sure;
}

}  // namespace

std::optional<RowProblem> kinds::naming_problem(const Tolerance& row) {
  std::string_view why = row.reason;
  const std::optional<double> named = take_number(why, opening);
  if (named ? row.bound > 0 && *named == row.bound : row.bound == 0) {
    if (is_sure(why)) return std::nullopt;
    return RowProblem{"reason", "a certificate that is not as sure",
                      "one 'with probability 1 - P: ', P above 0 and at most 1e-09"};
  }
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

// What a kind of tolerance must give: its schema, its check, its limit and its words (FORMAT.md sections 6 and 9). One file of
// this folder each. The Python twin is python/torchferry/compare/kinds.
#pragma once

#include <ferry/ferry.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace ferry {

// A rule that a row breaks: what its `key` holds, where that is not the value itself, and what was expected.
struct RowProblem {
  std::string key;
  std::string got;
  std::string expected;
};

class Kind {
 public:
  Kind() = default;
  Kind(const Kind&) = delete;
  Kind& operator=(const Kind&) = delete;
  virtual ~Kind() = default;

  [[nodiscard]] virtual std::string_view name() const noexcept = 0;

  // The rule that the row breaks by itself.
  [[nodiscard]] virtual std::optional<RowProblem> row_problem(const Tolerance& row) const = 0;
  // The rule that it breaks beside the contract, which has its output, and the other rows.
  [[nodiscard]] virtual std::optional<RowProblem> bundle_problem(const Tolerance& row, const Manifest& manifest) const = 0;

  // Whether an element passes: its difference from the golden, and whether all bits are equal.
  [[nodiscard]] virtual bool agrees(double difference, bool same_bits, double bound) const noexcept = 0;
  // Whether the check takes the golden scores of a label.
  [[nodiscard]] virtual bool needs_scores() const noexcept = 0;
  // Whether a bound that is too large to tell a right model from a wrong one is refused.
  [[nodiscard]] virtual bool is_limited() const noexcept = 0;

  // What the column `bound` of a table of verdicts shows.
  [[nodiscard]] virtual std::string cell(const Tolerance& row) const = 0;
  // In words, what the row demands.
  [[nodiscard]] virtual std::string phrase(const Tolerance& row) const = 0;
};

namespace kinds {

[[nodiscard]] const Kind& bits() noexcept;
[[nodiscard]] const Kind& absolute() noexcept;
[[nodiscard]] const Kind& label() noexcept;

// Why the reason is one for another bound: it must begin `at most BOUND: `, to the last digit.
[[nodiscard]] std::optional<RowProblem> naming_problem(const Tolerance& row);

}  // namespace kinds

// Every decision that depends on the kind is asked of this.
[[nodiscard]] const Kind& kind_of(ToleranceKind kind) noexcept;

// The kind after that one in the order of the enumeration; empty after the last.
[[nodiscard]] std::optional<ToleranceKind> next_kind(ToleranceKind kind) noexcept;

}  // namespace ferry

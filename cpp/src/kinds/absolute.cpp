// Kind `absolute`: |actual - expected| <= bound, in float64. The Python twin is python/torchferry/compare/kinds/absolute.py.
#include <algorithm>

#include "contract.hpp"
#include "dtype.hpp"
#include "kinds/kind.hpp"
#include "text.hpp"

namespace ferry::kinds {

namespace {

class Absolute final : public Kind {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "absolute"; }

  [[nodiscard]] std::optional<RowProblem> row_problem(const Tolerance& row) const override {
    return row.scores ? std::optional(RowProblem{"scores", "", "null for kind absolute"}) : std::nullopt;
  }
  // Only floats may be off, and the reason names how far.
  [[nodiscard]] std::optional<RowProblem> bundle_problem(const Tolerance& row, const Manifest& manifest) const override {
    const auto output = find_spec(manifest.contract.outputs, row.output);
    if (row.bound != 0 && !is_float(output->dtype))
      return RowProblem{"bound", text::short_number(row.bound), "0 for " + std::string(to_string(output->dtype))};
    return naming_problem(row);
  }

  // NaN is never within the bound.
  [[nodiscard]] bool agrees(double difference, bool /*same_bits*/, double bound) const noexcept override {
    return difference <= bound;
  }
  [[nodiscard]] bool needs_scores() const noexcept override { return false; }
  [[nodiscard]] bool is_limited() const noexcept override { return true; }

  [[nodiscard]] std::string cell(const Tolerance& row) const override { return text::short_number(row.bound); }
  [[nodiscard]] std::string phrase(const Tolerance& row) const override { return "within " + text::short_number(row.bound); }
};

}  // namespace

const Kind& absolute() noexcept {
  static const Absolute kind;
  return kind;
}

}  // namespace ferry::kinds

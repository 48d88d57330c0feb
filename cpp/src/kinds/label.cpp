// Kind `label`: equal, unless the scores are a near tie (FORMAT.md section 6). The Python twin is
// python/torchferry/compare/kinds/label.py.
#include <algorithm>

#include "contract.hpp"
#include "dtype.hpp"
#include "kinds/kind.hpp"
#include "manifest.hpp"
#include "text.hpp"

namespace ferry::kinds {

namespace {

const Tolerance* find_any_row(const Manifest& manifest, const Tolerance& like, const std::string& output) {
  const auto row = std::find_if(manifest.tolerances.begin(), manifest.tolerances.end(), [&](const Tolerance& other) {
    return other.engine == like.engine && other.device == like.device && other.output == output && other.numerics == "any";
  });
  return row == manifest.tolerances.end() ? nullptr : &*row;
}

class Label final : public Kind {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "label"; }

  // It names scores, whose bounds are those of float64.
  [[nodiscard]] std::optional<RowProblem> row_problem(const Tolerance& row) const override {
    if (row.reference != Reference::float64) return RowProblem{"reference", "", "float64 for kind label"};
    if (!row.scores) return RowProblem{"scores", "", "the name of an output for kind label"};
    return std::nullopt;
  }
  // The output can be the argmax of the scores, and the margin is twice their bound.
  [[nodiscard]] std::optional<RowProblem> bundle_problem(const Tolerance& row, const Manifest& manifest) const override {
    if (!row.scores) return row_problem(row);
    const std::string& named = *row.scores;
    const auto& outputs = manifest.contract.outputs;
    const auto label = find_spec(outputs, row.output);
    const auto scores = find_spec(outputs, named);
    if (!is_integer(label->dtype))
      return RowProblem{"kind", "label for " + std::string(to_string(label->dtype)), "an integer output"};
    if (scores == outputs.end() || !is_float(scores->dtype) || !class_axis(*scores, *label))
      return RowProblem{"scores", named, "a float output whose shape is the label's and one dim more"};
    const Tolerance* held = find_any_row(manifest, row, named);
    if (held == nullptr || row.bound != 2 * held->bound)
      return RowProblem{"bound", text::short_number(row.bound), "twice the bound of " + named + " on " + row.device};
    return naming_problem(row);
  }

  // The margin comes after.
  [[nodiscard]] bool agrees(double difference, bool /*same_bits*/, double /*bound*/) const noexcept override {
    return difference == 0;
  }
  [[nodiscard]] bool needs_scores() const noexcept override { return true; }
  [[nodiscard]] bool is_limited() const noexcept override { return false; }  // by itself: it is twice a bound that is

  [[nodiscard]] std::string cell(const Tolerance& /*row*/) const override { return "label"; }
  [[nodiscard]] std::string phrase(const Tolerance& row) const override {
    return "equal unless two " + row.scores.value_or("") + " are within " + text::short_number(row.bound);
  }
};

}  // namespace

const Kind& label() noexcept {
  static const Label kind;
  return kind;
}

}  // namespace ferry::kinds

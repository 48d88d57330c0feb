// Kind `bits`: equal bit patterns of the float32 golden. The Python twin is python/torchferry/compare/kinds/bits.py.
#include "kinds/kind.hpp"

namespace ferry::kinds {

namespace {

class Bits final : public Kind {
 public:
  [[nodiscard]] std::string_view name() const noexcept override { return "bits"; }

  // It has no bound, and float64 has no bits of a float32 output.
  [[nodiscard]] std::optional<RowProblem> row_problem(const Tolerance& row) const override {
    if (row.reference != Reference::float32) return RowProblem{"reference", "", "float32 for kind bits"};
    if (row.bound != 0) return RowProblem{"bound", "", "0 for kind bits"};
    if (row.scores) return RowProblem{"scores", "", "null for kind bits"};
    return std::nullopt;
  }
  // Equal bits can be asked of every output.
  [[nodiscard]] std::optional<RowProblem> bundle_problem(const Tolerance& /*row*/, const Manifest& /*manifest*/) const override {
    return std::nullopt;
  }

  // Equal bits of a NaN that the contract does not allow have an infinite difference: NaN is no match.
  [[nodiscard]] bool agrees(double difference, bool same_bits, double /*bound*/) const noexcept override {
    return same_bits && difference == 0;
  }
  [[nodiscard]] bool needs_scores() const noexcept override { return false; }
  [[nodiscard]] bool is_limited() const noexcept override { return false; }

  [[nodiscard]] std::string cell(const Tolerance& /*row*/) const override { return "bits"; }
  [[nodiscard]] std::string phrase(const Tolerance& /*row*/) const override { return "equal bits"; }
};

}  // namespace

const Kind& bits() noexcept {
  static const Bits kind;
  return kind;
}

}  // namespace ferry::kinds

// Where a label is the argmax of scores: near ties, and the disagreements that they excuse (FORMAT.md section 6).
#pragma once

#include <cstddef>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <string>

namespace ferry {

// Why these cannot be the scores of `labels`; empty where they can.
[[nodiscard]] std::string scores_problem(const Scores& scores, const Tensor& labels);

class LabelMargin {
 public:
  // `scores` has no problem with `labels`; both must outlive this.
  LabelMargin(const Scores& scores, const Tensor& labels, double bound);

  [[nodiscard]] const Shape& shape() const noexcept { return *shape_; }
  // The two largest scores of that label are within the bound.
  [[nodiscard]] bool near_tie(std::size_t label) const noexcept;
  // Both classes exist and score within the bound of the best.
  [[nodiscard]] bool tolerates(std::size_t label, std::int64_t actual, std::int64_t expected) const noexcept;

 private:
  [[nodiscard]] double score(std::size_t label, std::size_t class_index) const noexcept;
  [[nodiscard]] double best(std::size_t label) const noexcept;

  const double* values_;
  const Shape* shape_;
  std::size_t classes_;
  std::size_t inner_;  // elements of one class: the product of the dims behind the axis of classes
  double bound_;
};

}  // namespace ferry

// The Python twin is python/torchferry/compare/label_margin.py.
#include "label_margin.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>

namespace ferry {

namespace {

std::size_t elements_behind(const Shape& shape, std::size_t axis) { return element_count(std::span(shape).subspan(axis + 1)); }

}  // namespace

std::string scores_problem(const Scores& scores, const Tensor& labels) {
  if (scores.values == nullptr) return "got no golden scores, expected those of the label";
  Shape shape = scores.values->shape();
  bool fits = scores.values->dtype() == DType::float64 && scores.axis < shape.size() && shape[scores.axis] > 0;
  if (fits) {
    shape.erase(shape.begin() + static_cast<std::ptrdiff_t>(scores.axis));
    fits = shape == labels.shape();
  }
  if (fits) return {};
  return "scores: got " + std::string(to_string(scores.values->dtype())) + to_string(scores.values->shape()) +
         ", expected float64 with one score per class for each of " + to_string(labels.shape());
}

LabelMargin::LabelMargin(const Scores& scores, const Tensor& labels, double bound)
    : values_(scores.values->as<double>().data()),
      shape_(&labels.shape()),
      classes_(static_cast<std::size_t>(scores.values->shape()[scores.axis])),
      inner_(elements_behind(scores.values->shape(), scores.axis)),
      bound_(bound) {}

bool LabelMargin::near_tie(std::size_t label) const noexcept {
  double first = -std::numeric_limits<double>::infinity();
  double second = first;
  for (std::size_t i = 0; i < classes_; ++i) {
    const double value = score(label, i);
    if (std::isnan(value)) return false;
    second = std::max(second, std::min(first, value));
    first = std::max(first, value);
  }
  return classes_ > 1 && first - second <= bound_;
}

bool LabelMargin::tolerates(std::size_t label, std::int64_t actual, std::int64_t expected) const noexcept {
  const auto close = [&, top = best(label)](std::int64_t chosen) {
    return chosen >= 0 && static_cast<std::uint64_t>(chosen) < classes_ &&
           top - score(label, static_cast<std::size_t>(chosen)) <= bound_;
  };
  return close(actual) && close(expected);
}

double LabelMargin::score(std::size_t label, std::size_t class_index) const noexcept {
  const std::size_t outer = label / inner_;
  return values_[(outer * classes_ + class_index) * inner_ + label % inner_];
}

// NaN where any score is NaN: nothing is close to that.
double LabelMargin::best(std::size_t label) const noexcept {
  double top = -std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < classes_; ++i) {
    const double value = score(label, i);
    if (std::isnan(value)) return value;
    top = std::max(top, value);
  }
  return top;
}

}  // namespace ferry

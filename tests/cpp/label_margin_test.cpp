#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>

#include "toy_bundle.hpp"

namespace {

using ferry::Reference;
using ferry::Scores;
using ferry::Tensor;
using ferry::ToleranceKind;
using ferry::Verdict;

constexpr double bound = 0.25;

// The label of one sample with three scores, of which class 1 is the best and class 2 the next.
Verdict judged(std::int64_t label, double best, double next) {
  const Tensor scores = Tensor::from<double>({1, 3}, {-9, best, next});
  const Tensor expected = Tensor::from<std::int64_t>({1}, {1});
  const Tensor actual = Tensor::from<std::int64_t>({1}, {label});
  const ferry::Tolerance row{
      "toy", "cpu", "label", "any", Reference::float64, ToleranceKind::label, bound, "at most 0.25: a test", "logits"};
  return compare(&actual, expected, row, false, Scores{&scores, 1});
}

TEST(LabelMargin, ScoresExactlyTheBoundApartAreANearTie) {
  const Verdict verdict = judged(2, bound, 0);
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(verdict.near_ties, 1U);
  EXPECT_EQ(verdict.near_tie_indices, (std::vector<ferry::Shape>{{0}}));
  EXPECT_EQ(verdict.within_margin, 1U);
}

TEST(LabelMargin, OneStepMoreIsNone) {
  const Verdict verdict = judged(2, std::nextafter(bound, 1), 0);
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.near_ties, 0U);
  EXPECT_EQ(verdict.within_margin, 0U);
  EXPECT_EQ(verdict.mismatches, 1U);
}

TEST(LabelMargin, AThirdClassIsWrongEvenInANearTie) {
  for (const std::int64_t label : {0, -1, 3}) EXPECT_FALSE(judged(label, bound, 0).passed) << label;
}

TEST(LabelMargin, ScoresThatAreNoNumbersForgiveNothing) {
  for (const std::int64_t label : {0, 2}) {
    const Verdict verdict = judged(label, std::nan(""), 0);
    EXPECT_FALSE(verdict.passed) << label;
    EXPECT_EQ(verdict.near_ties, 0U);
  }
}

TEST(LabelMargin, EqualLabelsOfANearTieNeedNoForgiveness) {
  const Verdict verdict = judged(1, bound, 0);
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(verdict.near_ties, 1U);
  EXPECT_EQ(verdict.within_margin, 0U);
}

}  // namespace

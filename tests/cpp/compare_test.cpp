#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>

#include "toy_bundle.hpp"

namespace {

using ferry::compare;
using ferry::DType;
using ferry::Reference;
using ferry::Tensor;
using ferry::Tolerance;
using ferry::ToleranceKind;
using ferry::Verdict;

constexpr double infinity = std::numeric_limits<double>::infinity();
const float nan32 = std::nanf("");

Tolerance absolute(double bound, Reference reference = Reference::float32) {
  return {"toy", "cpu", "y", "any", reference, ToleranceKind::absolute, bound, "a test"};
}
Tolerance bits() { return {"toy", "cpu", "y", "any", Reference::float32, ToleranceKind::bits, 0, "a test"}; }

Tensor floats(std::initializer_list<float> values) {
  return Tensor::from<float>({static_cast<std::int64_t>(values.size())}, values);
}
Tensor doubles(std::initializer_list<double> values) {
  return Tensor::from<double>({static_cast<std::int64_t>(values.size())}, values);
}
Tensor integers(std::initializer_list<std::int64_t> values) {
  return Tensor::from<std::int64_t>({static_cast<std::int64_t>(values.size())}, values);
}

Verdict compared(const Tensor& actual, const Tensor& expected, const Tolerance& tolerance, bool allow_nan = false) {
  return compare(&actual, expected, tolerance, allow_nan);
}

TEST(Compare, EqualValuesPass) {
  const Verdict verdict = compared(floats({1, 2}), floats({1, 2}), bits());
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(verdict.output, "y");
  EXPECT_EQ(verdict.compared, 2U);
  EXPECT_EQ(verdict.mismatches, 0U);
  EXPECT_EQ(verdict.max_abs, 0);
  EXPECT_EQ(verdict.max_rel, 0);
  EXPECT_EQ(verdict.max_ulp, 0);
  EXPECT_EQ(verdict.worst->index, (ferry::Shape{0}));
  EXPECT_TRUE(verdict.problem.empty());
}

TEST(Compare, TheBoundIsInclusive) {
  EXPECT_TRUE(compared(floats({1.5F}), floats({1}), absolute(0.5)).passed);
  EXPECT_FALSE(compared(floats({1.5F}), floats({1}), absolute(std::nextafter(0.5, 0.0))).passed);
}

TEST(Compare, TheEvidenceIsThatOfTheLargestDifference) {
  const Tensor actual = Tensor::from<float>({2, 2}, {1, 2.5F, 3, 3.5F});
  const Tensor expected = Tensor::from<float>({2, 2}, {1, 2, 3, 4});
  const Verdict verdict = compared(actual, expected, absolute(0.25));
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.compared, 4U);
  EXPECT_EQ(verdict.mismatches, 2U);
  EXPECT_EQ(verdict.max_abs, 0.5);
  EXPECT_EQ(verdict.max_rel, 0.25);
  EXPECT_EQ(verdict.max_ulp, 2097152);                    // from 2 to 2.5 in steps of 2^-22; from 4 down to 3.5 as many
  EXPECT_EQ(verdict.worst->index, (ferry::Shape{0, 1}));  // the first of two equal ones
  EXPECT_EQ(verdict.worst->actual, 2.5);
  EXPECT_EQ(verdict.worst->expected, 2);
}

TEST(Compare, NeighboursAreOneUlpApart) {
  EXPECT_EQ(compared(floats({std::nextafterf(1, 2)}), floats({1}), bits()).max_ulp, 1);
  EXPECT_EQ(compared(doubles({std::nextafter(-1.0, 0.0)}), doubles({-1}), bits()).max_ulp, 1);
  const float smallest = std::numeric_limits<float>::denorm_min();
  EXPECT_EQ(compared(floats({smallest}), floats({-smallest}), bits()).max_ulp, 2);
}

TEST(Compare, UlpsCountInTheActualDtype) {
  // 0.1 as float64 rounds to 0.1F: no float step, though the values differ.
  const Verdict verdict = compared(floats({0.1F}), doubles({0.1}), absolute(1e-8, Reference::float64));
  EXPECT_TRUE(verdict.passed);
  EXPECT_EQ(verdict.max_ulp, 0);
  EXPECT_GT(verdict.max_abs, 0);
}

TEST(Compare, BothZerosAreEqualButNotTheirBits) {
  EXPECT_TRUE(compared(floats({-0.0F}), floats({0}), absolute(0)).passed);
  const Verdict verdict = compared(floats({-0.0F}), floats({0}), bits());
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.max_abs, 0);
  EXPECT_EQ(verdict.max_ulp, 0);
}

TEST(Compare, NanMatchesNothing) {
  EXPECT_FALSE(compared(floats({nan32}), floats({1}), absolute(1e30)).passed);
  EXPECT_FALSE(compared(floats({1}), floats({nan32}), absolute(1e30)).passed);
  const Verdict verdict = compared(floats({nan32}), floats({nan32}), absolute(1e30));
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.max_abs, infinity);
  EXPECT_FALSE(compared(floats({nan32}), floats({nan32}), bits()).passed);
}

TEST(Compare, NanMatchesNanWhereTheContractAllowsIt) {
  EXPECT_TRUE(compared(floats({nan32}), floats({nan32}), absolute(0), true).passed);
  EXPECT_TRUE(compared(floats({nan32}), floats({nan32}), bits(), true).passed);
  EXPECT_FALSE(compared(floats({nan32}), floats({1}), absolute(1e30), true).passed);
  EXPECT_EQ(compared(floats({nan32}), floats({1}), absolute(0), true).max_ulp, infinity);
}

TEST(Compare, InfinitiesMatchOnlyThemselves) {
  const auto inf = static_cast<float>(infinity);
  EXPECT_TRUE(compared(floats({inf}), floats({inf}), absolute(0)).passed);
  for (const float other : {-inf, 1.0F, nan32}) {
    const Verdict verdict = compared(floats({inf}), floats({other}), absolute(1e300));
    EXPECT_FALSE(verdict.passed) << other;
    EXPECT_EQ(verdict.max_abs, infinity);
    EXPECT_EQ(verdict.max_rel, infinity);
    EXPECT_EQ(verdict.max_ulp, infinity);
  }
}

TEST(Compare, ADifferenceFromZeroIsInfinitelyLargeRelatively) {
  EXPECT_EQ(compared(floats({1}), floats({0}), absolute(2)).max_rel, infinity);
}

TEST(Compare, IntegersAreComparedExactly) {
  constexpr std::int64_t large = std::int64_t{1} << 53U;
  EXPECT_FALSE(compared(integers({large + 1}), integers({large}), absolute(0)).passed);
  const Verdict verdict = compared(integers({std::numeric_limits<std::int64_t>::max()}),
                                   integers({std::numeric_limits<std::int64_t>::min()}), bits());
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.max_abs, 0x1p64);
  EXPECT_EQ(verdict.max_ulp, 0x1p64);
}

TEST(Compare, EveryDtypeIsCompared) {
  for (std::int32_t i = 0; i < 8; ++i) {
    const Tensor expected(static_cast<DType>(i), {2});
    Tensor actual = expected;
    EXPECT_TRUE(compared(actual, expected, bits()).passed) << i;
    actual.bytes()[actual.bytes().size() - 1] = std::byte{1};
    EXPECT_FALSE(compared(actual, expected, bits()).passed) << i;
    EXPECT_FALSE(compared(actual, expected, absolute(0)).passed) << i;
  }
}

TEST(Compare, AMissingOutputFails) {
  const Verdict verdict = compare(nullptr, floats({1}), absolute(infinity), false);
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.problem, "got no such output, expected it");
  EXPECT_FALSE(verdict.worst.has_value());
}

TEST(Compare, AnotherDtypeOrShapeFails) {
  EXPECT_EQ(compared(doubles({1}), floats({1}), absolute(1)).problem, "dtype: got float64, expected float32");
  EXPECT_EQ(compared(floats({1}), doubles({1}), absolute(1)).problem, "dtype: got float32, expected float64");
  EXPECT_EQ(compared(floats({1, 1}), floats({1}), absolute(1)).problem, "shape: got [2], expected [1]");
  EXPECT_EQ(compared(floats({1}), Tensor::from<float>({1, 1}, {1}), absolute(1)).problem, "shape: got [1], expected [1,1]");
}

TEST(Compare, NothingComparedIsAFailure) {
  const Verdict verdict = compared(floats({}), floats({}), absolute(1));
  EXPECT_FALSE(verdict.passed);
  EXPECT_EQ(verdict.problem, "got zero elements, expected at least one to compare");
}

}  // namespace

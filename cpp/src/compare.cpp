// The comparison of one output with its golden (FORMAT.md section 9). The Python twin is python/torchferry/compare/verdict.py.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <ferry/bits.hpp>
#include <ferry/ferry.hpp>
#include <limits>
#include <type_traits>

#include "dtype.hpp"
#include "float_mode.hpp"
#include "kinds/kind.hpp"
#include "label_margin.hpp"
#include "limits.hpp"
#include "memory.hpp"
#include "shape.hpp"

#ifdef __FAST_MATH__
#error "the comparison needs IEEE arithmetic: build without -ffast-math"
#endif

namespace ferry {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// Values are read one by one from bytes: no aliasing, and a bool that is neither 0 nor 1 is no undefined behaviour.
template <typename T>
T element(const Tensor& tensor, std::size_t i) noexcept {
  T value;
  std::memcpy(&value, tensor.bytes().data() + i * sizeof(T), sizeof(T));
  return value;
}

// |a - b| of integers, exact before it becomes a float64.
template <typename T>
double distance(T a, T b) noexcept {
  const auto low = static_cast<std::uint64_t>(static_cast<std::int64_t>(a < b ? a : b));
  const auto high = static_cast<std::uint64_t>(static_cast<std::int64_t>(a < b ? b : a));
  return static_cast<double>(high - low);
}

template <typename Actual, typename Expected>
double difference(Actual actual, Expected expected, bool allow_nan) noexcept {
  if constexpr (std::is_integral_v<Actual>) {
    return distance(actual, expected);
  } else {
    const auto a = static_cast<double>(actual);
    const auto e = static_cast<double>(expected);
    if (a == e) return 0;  // also equal infinities
    if (std::isnan(a) && std::isnan(e)) return allow_nan ? 0 : infinity;
    if (std::isnan(a) || std::isnan(e)) return infinity;
    return std::abs(a - e);
  }
}

// Floats as integers in the same order: neighbours differ by 1, and both zeros are 0.
std::int64_t ordered(float value) noexcept {
  const auto bits = bits_as<std::int32_t>(value);
  return bits >= 0 ? bits : std::int64_t{std::numeric_limits<std::int32_t>::min()} - bits;
}
template <typename Half>
std::int64_t ordered(Half value) noexcept
  requires is_half<Half>
{
  const auto bits = bits_as<std::int16_t>(value);
  return bits >= 0 ? bits : std::int64_t{std::numeric_limits<std::int16_t>::min()} - bits;
}
std::int64_t ordered(double value) noexcept {
  const auto bits = bits_as<std::int64_t>(value);
  return bits >= 0 ? bits : std::numeric_limits<std::int64_t>::min() - bits;
}

template <typename Actual, typename Expected>
double ulp_steps(Actual actual, Expected expected) noexcept {
  if constexpr (std::is_integral_v<Actual>) {
    return distance(actual, expected);
  } else {
    const auto rounded = static_cast<Actual>(expected);
    const auto a = static_cast<double>(actual);
    const auto e = static_cast<double>(rounded);
    if (a == e || (std::isnan(a) && std::isnan(e))) return 0;
    if (!std::isfinite(a) || !std::isfinite(e)) return infinity;
    return distance(ordered(actual), ordered(rounded));
  }
}

template <typename T>
bool same_bits(T actual, T expected) noexcept {
  using Bits = std::conditional_t<sizeof(T) == 8, std::uint64_t, std::uint32_t>;
  if constexpr (std::is_integral_v<T>) {
    return actual == expected;
  } else if constexpr (is_half<T>) {
    return actual.bits == expected.bits;
  } else {
    return bits_as<Bits>(actual) == bits_as<Bits>(expected);
  }
}
// A wider golden has no bits to compare with.
template <typename T>
bool same_bits(T /*actual*/, double /*expected*/) noexcept
  requires(!std::is_same_v<T, double>)
{
  return false;
}

double relative(double diff, double expected) noexcept {
  if (diff == 0) return 0;
  return std::isfinite(diff) ? diff / std::abs(expected) : infinity;
}

// Counts what a label's margin says of element `i`. Returns whether it forgives a disagreement.
template <typename Actual, typename Expected>
bool within_margin(const LabelMargin& margin, std::size_t i, Actual actual, Expected expected, bool equal, Verdict& verdict) {
  if constexpr (std::is_integral_v<Actual>) {
    if (margin.near_tie(i) && verdict.near_ties++ < limits::max_near_tie_indices)
      verdict.near_tie_indices.push_back(index_of(i, margin.shape()));
    if (!equal && margin.tolerates(i, static_cast<std::int64_t>(actual), static_cast<std::int64_t>(expected))) {
      ++verdict.within_margin;
      return true;
    }
  }
  return false;
}

template <typename Actual, typename Expected>
void compare_elements(const Tensor& actual, const Tensor& expected, bool allow_nan, const LabelMargin* margin, Verdict& verdict) {
  const std::size_t count = expected.size();
  const Kind& kind = kind_of(verdict.tolerance.kind);
  std::size_t worst = 0;
  double largest = -1;
  for (std::size_t i = 0; i < count; ++i) {
    const auto a = element<Actual>(actual, i);
    const auto e = element<Expected>(expected, i);
    const double diff = difference(a, e, allow_nan);
    const bool equal = kind.agrees(diff, same_bits(a, e), verdict.tolerance.bound);
    const bool forgiven = margin != nullptr && within_margin(*margin, i, a, e, equal, verdict);
    if (!equal && !forgiven) ++verdict.mismatches;
    verdict.max_rel = std::max(verdict.max_rel, relative(diff, static_cast<double>(e)));
    verdict.max_ulp = std::max(verdict.max_ulp, ulp_steps(a, e));
    if (diff > largest) {
      largest = diff;
      worst = i;
    }
  }
  verdict.compared = count;
  verdict.max_abs = largest;
  verdict.worst = WorstElement{index_of(worst, expected.shape()), static_cast<double>(element<Actual>(actual, worst)),
                               static_cast<double>(element<Expected>(expected, worst))};
}

// With a golden of the same dtype, or of float64.
template <typename Float>
void compare_floats(const Tensor& actual, const Tensor& expected, bool allow_nan, const LabelMargin* margin, Verdict& verdict) {
  if (expected.dtype() == DType::float64) return compare_elements<Float, double>(actual, expected, allow_nan, margin, verdict);
  return compare_elements<Float, Float>(actual, expected, allow_nan, margin, verdict);
}

void compare_tensors(const Tensor& actual, const Tensor& expected, bool allow_nan, const LabelMargin* margin, Verdict& verdict) {
  switch (actual.dtype()) {
    case DType::boolean:
    case DType::uint8:
      return compare_elements<std::uint8_t, std::uint8_t>(actual, expected, allow_nan, margin, verdict);
    case DType::int8:
      return compare_elements<std::int8_t, std::int8_t>(actual, expected, allow_nan, margin, verdict);
    case DType::int16:
      return compare_elements<std::int16_t, std::int16_t>(actual, expected, allow_nan, margin, verdict);
    case DType::int32:
      return compare_elements<std::int32_t, std::int32_t>(actual, expected, allow_nan, margin, verdict);
    case DType::int64:
      return compare_elements<std::int64_t, std::int64_t>(actual, expected, allow_nan, margin, verdict);
    case DType::float32:
      return compare_floats<float>(actual, expected, allow_nan, margin, verdict);
    case DType::float64:
      return compare_floats<double>(actual, expected, allow_nan, margin, verdict);
    case DType::float16:
      return compare_floats<Float16>(actual, expected, allow_nan, margin, verdict);
    case DType::bfloat16:
      return compare_floats<BFloat16>(actual, expected, allow_nan, margin, verdict);
  }
}

// Why the two cannot be compared; empty where they can.
std::string structural_problem(const Tensor* actual, const Tensor& expected, const Tolerance& tolerance, const Scores& scores) {
  if (actual == nullptr) return "got no such output, expected it";
  const bool wider_golden =
      tolerance.reference == Reference::float64 && expected.dtype() == DType::float64 && is_float(actual->dtype());
  if (actual->dtype() != expected.dtype() && !wider_golden) {
    return "dtype: got " + std::string(to_string(actual->dtype())) + ", expected " + std::string(to_string(expected.dtype()));
  }
  if (actual->shape() != expected.shape())
    return "shape: got " + to_string(actual->shape()) + ", expected " + to_string(expected.shape());
  if (expected.size() == 0) return "got zero elements, expected at least one to compare";
  return kind_of(tolerance.kind).needs_scores() ? scores_problem(scores, expected) : std::string();
}

}  // namespace

Verdict compare(const Tensor* actual, const Tensor& expected, const Tolerance& tolerance, bool allow_nan,
                const Scores& scores) try {
  const IeeeArithmetic arithmetic;
  Verdict verdict;
  verdict.output = tolerance.output;
  verdict.tolerance = tolerance;
  verdict.problem = structural_problem(actual, expected, tolerance, scores);
  if (!verdict.problem.empty()) return verdict;
  std::optional<LabelMargin> margin;
  if (kind_of(tolerance.kind).needs_scores()) margin.emplace(scores, expected, tolerance.bound);
  compare_tensors(*actual, expected, allow_nan, margin ? &*margin : nullptr, verdict);
  verdict.passed = verdict.mismatches == 0;
  return verdict;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

}  // namespace ferry

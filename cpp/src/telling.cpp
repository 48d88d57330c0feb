#include "telling.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "dtype.hpp"

namespace ferry {

namespace {

// Of the largest golden. bfloat16 rounds by 2^-8: at a coarser bound a bfloat16 model would pass for the float32 one.
constexpr double coarsest = 0x1p-8;
constexpr double coarsest_quantized = 0x1p-3;  // of an artifact that says in `requires` that it is quantized
// A model may lose digits that float32 does not have (a small difference of large numbers): so many times what eager loses.
constexpr double most_lost = 256;

double larger(double most, double value) noexcept { return std::isfinite(value) ? std::max(most, std::abs(value)) : most; }

}  // namespace

void Rounding::add(const Tensor& float32, const Tensor& float64) {
  const auto reference = float_values(float64);
  const auto eager = float32.shape() == float64.shape() ? float_values(float32) : std::vector<double>();
  for (const double value : reference) scale_ = larger(scale_, value);
  for (std::size_t i = 0; i < std::min(eager.size(), reference.size()); ++i)
    observed_ = larger(observed_, eager[i] - reference[i]);
}

double Rounding::largest_bound(bool quantized) const noexcept {
  const double largest = std::max(allowed_by_size(quantized), most_lost * observed_);
  return largest > 0 ? largest : std::numeric_limits<double>::infinity();
}

double Rounding::allowed_by_size(bool quantized) const noexcept { return (quantized ? coarsest_quantized : coarsest) * scale_; }

}  // namespace ferry

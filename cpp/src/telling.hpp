// How large a tolerance may be and still tell a right model from a wrong one (FORMAT.md section 6).
// The Python twin is python/torchferry/compare/telling.py.
#pragma once

#include <ferry/ferry.hpp>

namespace ferry {

// What float32 does to one output, over every golden case: how far eager is from float64, and the size of the values.
class Rounding {
 public:
  void add(const Tensor& float32, const Tensor& float64);
  // The largest bound that proves something; infinite where all goldens are 0 and give no scale to measure by.
  [[nodiscard]] double largest_bound(bool quantized) const noexcept;
  // The largest bound that the float64 goldens allow by themselves: engines are held to them, so that no edit of one lifts it.
  [[nodiscard]] double allowed_by_size(bool quantized) const noexcept;

 private:
  double observed_ = 0;
  double scale_ = 0;
};

}  // namespace ferry

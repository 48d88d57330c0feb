// Arithmetic as IEEE 754 has it, for as long as an object lives: subnormal numbers are kept, sums are rounded to nearest.
//
// A host program that is built with fast-math sets the processor to flush subnormal numbers to zero, and models then answer
// otherwise than in Python. python/torchferry/bundle/float_mode.py is the twin.
#pragma once

#include <cfenv>

namespace ferry {

class IeeeArithmetic {
 public:
  // FE_DFL_ENV clears flush-to-zero and denormals-are-zero too, in glibc and musl, on x86-64 and aarch64.
  IeeeArithmetic() noexcept {
    std::fegetenv(&host_);
    std::fesetenv(FE_DFL_ENV);
  }
  IeeeArithmetic(const IeeeArithmetic&) = delete;
  IeeeArithmetic& operator=(const IeeeArithmetic&) = delete;
  ~IeeeArithmetic() { std::fesetenv(&host_); }

 private:
  std::fenv_t host_{};
};

}  // namespace ferry

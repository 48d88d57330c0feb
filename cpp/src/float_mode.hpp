// Arithmetic as IEEE 754 has it, for as long as an object lives: subnormal numbers are kept, sums are rounded to nearest.
//
// A host program that is built with fast-math sets the processor to flush subnormal numbers to zero, and models then answer
// otherwise than in Python. python/torchferry/bundle/float_mode.py is the twin.
#pragma once

#include <cfenv>

#ifdef __SSE2__
#include <xmmintrin.h>
#endif

namespace ferry {

class IeeeArithmetic {
 public:
  // FE_DFL_ENV clears flush-to-zero and denormals-are-zero too, in glibc and musl, on x86-64 and aarch64.
  IeeeArithmetic() noexcept : is_changed_(!is_ieee()) {
    if (!is_changed_) return;
    std::fegetenv(&host_);
    std::fesetenv(FE_DFL_ENV);
  }
  IeeeArithmetic(const IeeeArithmetic&) = delete;
  IeeeArithmetic& operator=(const IeeeArithmetic&) = delete;
  ~IeeeArithmetic() {
    if (is_changed_)
      std::fesetenv(&host_);
    else if (!is_ieee())  // a runtime that is built with fast-math changes it where it is loaded
      std::fesetenv(FE_DFL_ENV);
  }

 private:
  // False where a look costs as much as setting it.
  static bool is_ieee() noexcept {
#ifdef __SSE2__
    constexpr unsigned flushing_or_rounding = 0xE040;  // of MXCSR: FTZ, the two bits of the rounding, DAZ
    return (_mm_getcsr() & flushing_or_rounding) == 0;
#else
    return false;
#endif
  }

  bool is_changed_;
  std::fenv_t host_{};  // set where is_changed_
};

}  // namespace ferry

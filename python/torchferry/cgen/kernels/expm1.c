#ifndef MODEL_KERNEL_EXPM1
#define MODEL_KERNEL_EXPM1

#include "exp_reduce.c"
#include "from_bits.c"

/* e^x - 1 for x <= 0, at most 2 ULP from the exact value. */
MODEL_INLINE float model_expm1(const float x) {
  uint32_t biased;
  const float p = model_exp_reduce(x < -0x1.2p+4f ? -0x1.2p+4f : x, &biased);
  const float scale = model_from_bits((biased - 127u) << 23);
  return scale * p + (scale - 1.0f);
}

#endif

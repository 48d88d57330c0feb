#ifndef MODEL_KERNEL_EXP
#define MODEL_KERNEL_EXP

#include "exp_reduce.c"
#include "from_bits.c"

/* e^x, at most 2 ULP from the exact value, with gradual underflow. */
MODEL_INLINE float model_exp(const float x) {
  const float above = x < (-0x1.ap+6f) ? (-0x1.ap+6f) : x;
  const float clamped = above > 0x1.64p+6f ? 0x1.64p+6f : above;
  uint32_t biased;
  const float p = model_exp_reduce(clamped, &biased) + 1.0f;
  const uint32_t half = biased >> 1;
  return (p * model_from_bits(half << 23)) * model_from_bits((biased - half) << 23);
}

#endif

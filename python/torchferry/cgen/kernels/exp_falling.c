#ifndef MODEL_KERNEL_EXP_FALLING
#define MODEL_KERNEL_EXP_FALLING

#include "exp_reduce.c"
#include "from_bits.c"

/* e^x of x <= 89, at most 2 ULP from the exact value, with gradual underflow: two factors, as 2^n may be no normal number. */
MODEL_INLINE float model_exp_falling(const float x) {
  const float clamped = x < (-0x1.ap+6f) ? (-0x1.ap+6f) : x;
  uint32_t biased;
  const float p = model_exp_reduce(clamped, &biased) + 1.0f;
  const uint32_t half = biased >> 1;
  return (p * model_from_bits(half << 23)) * model_from_bits((biased - half) << 23);
}

#endif

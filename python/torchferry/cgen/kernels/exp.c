#ifndef MODEL_KERNEL_EXP
#define MODEL_KERNEL_EXP

#include "exp_reduce.c"
#include "from_bits.c"

/* e^x of x <= 0, at most 2 ULP from the exact value, with gradual underflow: two factors, as 2^n may be no normal number. */
MODEL_INLINE float model_exp_falling(const float x) {
  const float clamped = x < (-0x1.ap+6f) ? (-0x1.ap+6f) : x;
  uint32_t biased;
  const float p = model_exp_reduce(clamped, &biased) + 1.0f;
  const uint32_t half = biased >> 1;
  return (p * model_from_bits(half << 23)) * model_from_bits((biased - half) << 23);
}

/* The same bits for |x| <= 87 or NaN, where one factor is enough. */
MODEL_INLINE float model_exp_near(const float x) {
  uint32_t biased;
  const float p = model_exp_reduce(x, &biased) + 1.0f;
  return p * model_from_bits((biased - 127u) << 23);
}

/* The same for every x. */
MODEL_INLINE float model_exp(const float x) { return model_exp_falling(x > 0x1.64p+6f ? 0x1.64p+6f : x); }

#endif

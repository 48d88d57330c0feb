#ifndef MODEL_KERNEL_EXP_NEAR
#define MODEL_KERNEL_EXP_NEAR

#include "exp_reduce.c"
#include "from_bits.c"

/* e^x of |x| <= 87 or NaN, with the bits of model_exp: one factor is enough. */
MODEL_INLINE float model_exp_near(const float x) {
  uint32_t biased;
  const float p = model_exp_reduce(x, &biased) + 1.0f;
  return p * model_from_bits((biased - 127u) << 23);
}

#endif

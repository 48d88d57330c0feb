#ifndef MODEL_KERNEL_SILU
#define MODEL_KERNEL_SILU

#include "exp_falling.c"
#include "abs.c"

/* x / (1 + e^-x) */
MODEL_INLINE float model_silu(const float x) {
  const float power = model_exp_falling(-model_abs(x));
  return (x < 0.0f ? x * power : x) / (1.0f + power);
}

#endif

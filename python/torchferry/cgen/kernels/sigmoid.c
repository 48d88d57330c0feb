#ifndef MODEL_KERNEL_SIGMOID
#define MODEL_KERNEL_SIGMOID

#include "exp_falling.c"
#include "abs.c"

/* 1 / (1 + e^-x), at most 3 ULP from the exact value. */
MODEL_INLINE float model_sigmoid(const float x) {
  const float power = model_exp_falling(-model_abs(x));
  return (x < 0.0f ? power : 1.0f) / (1.0f + power);
}

#endif

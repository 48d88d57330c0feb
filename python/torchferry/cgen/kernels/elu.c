#ifndef MODEL_KERNEL_ELU
#define MODEL_KERNEL_ELU

#include "expm1.c"

/* positive x above 0, negative (e^(inner x) - 1) below */
MODEL_INLINE float model_elu(const float x, const float negative, const float positive, const float inner) {
  const float below = (x > 0.0f ? 0.0f : x) * inner;
  return x > 0.0f ? x * positive : model_expm1(below) * negative;
}

#endif

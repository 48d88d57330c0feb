#ifndef MODEL_KERNEL_REDUCE_MAX
#define MODEL_KERNEL_REDUCE_MAX

#include "compiler.c"

/* The maximum of `count` elements that lie `stride` apart; a NaN counts as it. */
MODEL_INLINE float model_reduce_max(const size_t count, const size_t stride, const float *const x) {
  float best = x[0];
  for (size_t j = 1; j < count; ++j) {
    const float value = x[j * stride];
    best = value > best || value != value ? value : best;
  }
  return best + 0.0f; /* one sign of zero, whichever of two was taken */
}

#endif

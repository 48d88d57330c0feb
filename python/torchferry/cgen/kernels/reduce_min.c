#ifndef MODEL_KERNEL_REDUCE_MIN
#define MODEL_KERNEL_REDUCE_MIN

#include "compiler.c"

/* The minimum of `count` elements that lie `stride` apart; a NaN counts as it. */
MODEL_INLINE float model_reduce_min(const size_t count, const size_t stride, const float *const x) {
  float best = x[0];
  for (size_t j = 1; j < count; ++j) {
    const float value = x[j * stride];
    best = value < best || value != value ? value : best;
  }
  return best + 0.0f; /* one sign of zero, whichever of two was taken */
}

#endif

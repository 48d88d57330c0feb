#ifndef MODEL_KERNEL_ARGMAX
#define MODEL_KERNEL_ARGMAX

#include "compiler.c"

/* The first largest; a NaN counts as the largest. */
MODEL_INLINE int64_t model_argmax(const size_t width, const float *const x) {
  size_t best = 0;
  for (size_t j = 1; j < width; ++j) {
    if (x[j] > x[best] || (x[j] != x[j] && x[best] == x[best])) {
      best = j;
    }
  }
  return (int64_t)best;
}

#endif

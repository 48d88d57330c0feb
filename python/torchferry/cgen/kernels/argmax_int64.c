#ifndef MODEL_KERNEL_ARGMAX_INT64
#define MODEL_KERNEL_ARGMAX_INT64

#include "compiler.c"

/* The first largest. */
MODEL_INLINE int64_t model_argmax_int64(const size_t width, const int64_t *const x) {
  size_t best = 0;
  for (size_t j = 1; j < width; ++j) {
    best = x[j] > x[best] ? j : best;
  }
  return (int64_t)best;
}

#endif

#ifndef MODEL_KERNEL_CUMSUM_INT64
#define MODEL_KERNEL_CUMSUM_INT64

#include "compiler.c"

/* y[j] = x[0] + ... + x[j], of `count` elements that lie `stride` apart; the bits wrap. */
MODEL_INLINE void model_cumsum_int64(
    const size_t count, const size_t stride, const int64_t *const restrict x, int64_t *const restrict y) {
  uint64_t sum = 0;
  for (size_t j = 0; j < count; ++j) {
    sum += (uint64_t)x[j * stride];
    y[j * stride] = (int64_t)sum;
  }
}

#endif

#ifndef MODEL_KERNEL_CUMSUM
#define MODEL_KERNEL_CUMSUM

#include "compiler.c"

/* y[j] = x[0] + ... + x[j], of `count` elements that lie `stride` apart. */
MODEL_INLINE void model_cumsum(
    const size_t count, const size_t stride, const float *const restrict x, float *const restrict y) {
  float sum = 0.0f;
  for (size_t j = 0; j < count; ++j) {
    sum += x[j * stride];
    y[j * stride] = sum;
  }
}

#endif

#ifndef MODEL_KERNEL_REDUCE_SQUARES
#define MODEL_KERNEL_REDUCE_SQUARES

#include "compiler.c"

/* The sum of (x - centre)^2 over `count` elements that lie `stride` apart, ordered as in reduce_sum. */
MODEL_INLINE float model_reduce_squares(const size_t count, const size_t stride, const float *const x, const float centre) {
  float sums[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  for (size_t j = 0; j < count; ++j) {
    const float distance = x[j * stride] - centre;
    sums[j % 8] += distance * distance;
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

#endif

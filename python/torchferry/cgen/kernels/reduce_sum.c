#ifndef MODEL_KERNEL_REDUCE_SUM
#define MODEL_KERNEL_REDUCE_SUM

#include "compiler.c"

/* The sum of `count` elements that lie `stride` apart: eight partial sums over j mod 8, added pairwise. */
MODEL_INLINE float model_reduce_sum(const size_t count, const size_t stride, const float *const x) {
  float sums[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  for (size_t j = 0; j < count; ++j) {
    sums[j % 8] += x[j * stride];
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

#endif

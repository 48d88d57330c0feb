#ifndef MODEL_KERNEL_SOFTMAX_SUM
#define MODEL_KERNEL_SOFTMAX_SUM

#include "compiler.c"

/* Eight partial sums over j mod 8, added pairwise. */
MODEL_INLINE float model_softmax_sum(const size_t width, const float *const e) {
  float sums[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  for (size_t j = 0; j < width; ++j) {
    sums[j % 8] += e[j];
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

#endif

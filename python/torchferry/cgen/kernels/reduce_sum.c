#ifndef MODEL_KERNEL_REDUCE_SUM
#define MODEL_KERNEL_REDUCE_SUM

#include "eighths.c"

/* The sum of `count` elements that lie `stride` apart: eight partial sums over j mod 8, added pairwise. */
MODEL_INLINE float model_reduce_sum(const size_t count, const size_t stride, const float *const x) {
  float sums[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  size_t j = 0;
#if MODEL_LANES > 1
  if (stride == 1) {
    model_eighths a[8 / MODEL_EIGHTHS];
    MODEL_UNROLL for (size_t s = 0; s < 8 / MODEL_EIGHTHS; ++s) { a[s] = (model_eighths){0.0f}; }
    for (; j + 8 <= count; j += 8) {
      MODEL_UNROLL for (size_t s = 0; s < 8 / MODEL_EIGHTHS; ++s) {
        a[s] += *(const model_eighths *)(x + j + s * MODEL_EIGHTHS);
      }
    }
    MODEL_UNROLL for (size_t s = 0; s < 8 / MODEL_EIGHTHS; ++s) { *(model_eighths *)(sums + s * MODEL_EIGHTHS) = a[s]; }
  }
#endif
  for (; j < count; ++j) {
    sums[j % 8] += x[j * stride];
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

#endif

#ifndef MODEL_KERNEL_REDUCE_SQUARES
#define MODEL_KERNEL_REDUCE_SQUARES

#include "eighths.c"

/* The sum of (x - centre)^2 over `count` elements that lie `stride` apart, ordered as in reduce_sum. */
MODEL_INLINE float model_reduce_squares(const size_t count, const size_t stride, const float *const x, const float centre) {
  float sums[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  size_t j = 0;
#if MODEL_LANES > 1
  if (stride == 1) {
    model_eighths a[8 / MODEL_EIGHTHS];
    MODEL_UNROLL for (size_t s = 0; s < 8 / MODEL_EIGHTHS; ++s) { a[s] = (model_eighths){0.0f}; }
    for (; j + 8 <= count; j += 8) {
      MODEL_UNROLL for (size_t s = 0; s < 8 / MODEL_EIGHTHS; ++s) {
        const model_eighths distance = *(const model_eighths *)(x + j + s * MODEL_EIGHTHS) - centre;
        a[s] += distance * distance;
      }
    }
    MODEL_UNROLL for (size_t s = 0; s < 8 / MODEL_EIGHTHS; ++s) { *(model_eighths *)(sums + s * MODEL_EIGHTHS) = a[s]; }
  }
#endif
  for (; j < count; ++j) {
    const float distance = x[j * stride] - centre;
    sums[j % 8] += distance * distance;
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

#endif

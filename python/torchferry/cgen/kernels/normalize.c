#ifndef MODEL_KERNEL_NORMALIZE
#define MODEL_KERNEL_NORMALIZE

#include "reduce_squares.c"
#include "reduce_sum.c"
#include "sqrt.c"

/* y = (x - mean) / sqrt(variance + eps) of one row; with `centred` 0 the mean is 0. */
MODEL_INLINE void model_normalize(
    const size_t width, const int centred, const float eps, const float *const restrict x, float *const restrict y) {
  const float mean = centred ? model_reduce_sum(width, 1, x) / (float)width : 0.0f;
  const float scale = 1.0f / model_sqrt(model_reduce_squares(width, 1, x, mean) / (float)width + eps);
  for (size_t j = 0; j < width; ++j) {
    y[j] = (x[j] - mean) * scale;
  }
}

#endif

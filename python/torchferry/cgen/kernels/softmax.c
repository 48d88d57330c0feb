#ifndef MODEL_KERNEL_SOFTMAX
#define MODEL_KERNEL_SOFTMAX

#include "exp_below.c"
#include "largest.c"
#include "reduce_sum.c"

/* y = e^(x - max x) / sum */
MODEL_INLINE void model_softmax(const size_t width, const float *const restrict x, float *const restrict y) {
  const float largest = model_largest(width, x);
  model_exp_below(width, largest, x, y);
  const float sum = model_reduce_sum(width, 1, y);
  for (size_t j = 0; j < width; ++j) {
    y[j] /= sum;
  }
}

#endif

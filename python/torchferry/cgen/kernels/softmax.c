#ifndef MODEL_KERNEL_SOFTMAX
#define MODEL_KERNEL_SOFTMAX

#include "exp.c"
#include "largest.c"
#include "softmax_sum.c"

/* y = e^(x - max x) / sum */
MODEL_INLINE void model_softmax(const size_t width, const float *const restrict x, float *const restrict y) {
  const float largest = model_largest(width, x);
  for (size_t j = 0; j < width; ++j) {
    y[j] = model_exp(x[j] - largest);
  }
  const float sum = model_softmax_sum(width, y);
  for (size_t j = 0; j < width; ++j) {
    y[j] /= sum;
  }
}

#endif

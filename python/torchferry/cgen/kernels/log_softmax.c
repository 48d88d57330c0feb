#ifndef MODEL_KERNEL_LOG_SOFTMAX
#define MODEL_KERNEL_LOG_SOFTMAX

#include "exp.c"
#include "largest.c"
#include "log.c"
#include "softmax_sum.c"

/* y = (x - max x) - log(sum of e^(x - max x)) */
MODEL_INLINE void model_log_softmax(const size_t width, const float *const restrict x, float *const restrict y) {
  const float largest = model_largest(width, x);
  for (size_t j = 0; j < width; ++j) {
    y[j] = model_exp(x[j] - largest);
  }
  const float logarithm = model_log(model_softmax_sum(width, y));
  for (size_t j = 0; j < width; ++j) {
    y[j] = (x[j] - largest) - logarithm;
  }
}

#endif

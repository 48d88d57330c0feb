#ifndef MODEL_KERNEL_LOG_SOFTMAX
#define MODEL_KERNEL_LOG_SOFTMAX

#include "exp_below.c"
#include "largest.c"
#include "log.c"
#include "reduce_sum.c"

/* y = (x - max x) - log(sum of e^(x - max x)) */
MODEL_INLINE void model_log_softmax(const size_t width, const float *const restrict x, float *const restrict y) {
  const float largest = model_largest(width, x);
  model_exp_below(width, largest, x, y);
  const float logarithm = model_log(model_reduce_sum(width, 1, y));
  for (size_t j = 0; j < width; ++j) {
    y[j] = (x[j] - largest) - logarithm;
  }
}

#endif

#ifndef MODEL_KERNEL_REDUCE_VAR
#define MODEL_KERNEL_REDUCE_VAR

#include "reduce_squares.c"
#include "reduce_sum.c"

/* The sum of squares around the mean, divided by `divisor`. */
MODEL_INLINE float model_reduce_var(const size_t count, const size_t stride, const float *const x, const float divisor) {
  const float mean = model_reduce_sum(count, stride, x) / (float)count;
  return model_reduce_squares(count, stride, x, mean) / divisor;
}

#endif

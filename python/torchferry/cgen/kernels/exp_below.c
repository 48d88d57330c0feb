#ifndef MODEL_KERNEL_EXP_BELOW
#define MODEL_KERNEL_EXP_BELOW

#include "exp_falling.c"

/* y = e^(x - largest) of a row with that largest element. */
MODEL_APART static void model_exp_below(
    const size_t width, const float largest, const float *const restrict x, float *const restrict y) {
  for (size_t j = 0; j < width; ++j) {
    y[j] = model_exp_falling(x[j] - largest);
  }
}

#endif

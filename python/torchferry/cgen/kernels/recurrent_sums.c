#ifndef MODEL_KERNEL_RECURRENT_SUMS
#define MODEL_KERNEL_RECURRENT_SUMS

#include "compiler.c"

/* sums[columns] = bias + h[hidden] weights [hidden, columns]: each sum starts at +0, in the order of h; the bias comes last. */
MODEL_INLINE void model_recurrent_sums(const size_t hidden, const size_t columns, const float *const restrict h,
    const MODEL_TABLE float *const restrict weights, const MODEL_TABLE float *const restrict bias, float *const restrict sums) {
  for (size_t j = 0; j < columns; ++j) {
    sums[j] = 0.0f;
  }
  for (size_t i = 0; i < hidden; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      sums[j] += h[i] * weights[i * columns + j];
    }
  }
  for (size_t j = 0; j < columns; ++j) {
    sums[j] += bias[j];
  }
}

#endif

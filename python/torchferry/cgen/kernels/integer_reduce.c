#ifndef MODEL_KERNEL_INTEGER_REDUCE
#define MODEL_KERNEL_INTEGER_REDUCE

#include "compiler.c"

/* sums[inner] = bias + the sum over x [count, inner] */
MODEL_INLINE void model_integer_reduce(
    const size_t count, const size_t inner, const int32_t bias, const uint8_t *const restrict x, int32_t *const restrict sums) {
  for (size_t c = 0; c < inner; ++c) {
    sums[c] = bias;
  }
  for (size_t i = 0; i < count; ++i) {
    for (size_t c = 0; c < inner; ++c) {
      sums[c] += x[i * inner + c];
    }
  }
}

#endif

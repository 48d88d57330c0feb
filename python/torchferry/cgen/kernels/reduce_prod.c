#ifndef MODEL_KERNEL_REDUCE_PROD
#define MODEL_KERNEL_REDUCE_PROD

#include "compiler.c"

/* The product of `count` elements that lie `stride` apart, in their order. */
MODEL_INLINE float model_reduce_prod(const size_t count, const size_t stride, const float *const x) {
  float product = x[0];
  for (size_t j = 1; j < count; ++j) {
    product *= x[j * stride];
  }
  return product;
}

#endif

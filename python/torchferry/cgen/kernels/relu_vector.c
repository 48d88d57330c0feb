#ifndef MODEL_KERNEL_RELU_VECTOR
#define MODEL_KERNEL_RELU_VECTOR

#include "vectors.c"

#if MODEL_LANES > 1
typedef int32_t model_vector_bits __attribute__((vector_size(4 * MODEL_LANES), aligned(4), may_alias));

MODEL_INLINE MODEL_WIDE model_vector model_relu_vector(const model_vector x) {
  return (model_vector)((model_vector_bits)x & ~(model_vector_bits)(x < (model_vector){0.0f})) + 0.0f;
}
#endif

#endif

#ifndef MODEL_KERNEL_RELU_QUAD
#define MODEL_KERNEL_RELU_QUAD

#include "vectors.c"

#if MODEL_LANES > 1
typedef int32_t model_quad_bits __attribute__((vector_size(16), aligned(4), may_alias));

MODEL_INLINE model_quad model_relu_quad(const model_quad x) {
  return (model_quad)((model_quad_bits)x & ~(model_quad_bits)(x < (model_quad){0.0f})) + 0.0f;
}
#endif

#endif

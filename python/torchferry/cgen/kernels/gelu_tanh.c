#ifndef MODEL_KERNEL_GELU_TANH
#define MODEL_KERNEL_GELU_TANH

#include "tanh.c"

/* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
MODEL_INLINE float model_gelu_tanh(const float x) {
  const float inner = (x + ((x * x) * x) * 0x1.6e4e26p-5f) * 0x1.988454p-1f;
  return (0.5f * x) * (1.0f + model_tanh(inner));
}

#endif

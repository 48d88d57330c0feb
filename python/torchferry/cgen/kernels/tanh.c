#ifndef MODEL_KERNEL_TANH
#define MODEL_KERNEL_TANH

#include "exp_near.c"
#include "abs.c"
#include "copysign.c"
#include "vectors.c"

/* tanh x, at most 2 ULP from the exact value. */
MODEL_INLINE float model_tanh(const float x) {
  const float a = model_abs(x);
  const float z = x * x;
  float p = (-0x1.75e1cep-8f);
  p = p * z + 0x1.52269cp-6f;
  p = p * z + (-0x1.b83c5ap-5f);
  p = p * z + 0x1.110726p-3f;
  p = p * z + (-0x1.555532p-2f);
  const float small = x + (x * z) * p;
#if MODEL_LANES == 1 /* vectors compute both */
  if (a < 0x1.4p-1f) {
    return small;
  }
#endif
  const float t = a + a > 0x1p+6f ? 0x1p+6f : a + a; /* tanh is 1 above */
  const float large = 1.0f - 2.0f / (model_exp_near(t) + 1.0f);
  return a < 0x1.4p-1f ? small : model_copysign(large, x);
}

#endif

#ifndef MODEL_KERNEL_ERF
#define MODEL_KERNEL_ERF

#include "exp_near.c"
#include "abs.c"
#include "copysign.c"
#include "vectors.c"

/* The error function, at most 2 ULP from the exact value. */
MODEL_INLINE float model_erf_small(const float x) {
  const float z = x * x;
  float p = (-0x1.3825f2p-11f);
  p = p * z + 0x1.46c242p-8f;
  p = p * z + (-0x1.b676ccp-6f);
  p = p * z + 0x1.ce1904p-4f;
  p = p * z + (-0x1.8126dcp-2f);
  p = p * z + 0x1.06eba6p-3f;
  return x + x * p;
}

MODEL_INLINE float model_erf(const float x) {
  const float a = model_abs(x);
#if MODEL_LANES == 1 /* vectors compute both */
  if (a < 0x1.d8p-1f) {
    return model_erf_small(x);
  }
#endif
  const float t = a > 0x1.f8p+1f ? 0x1.f8p+1f : a;
  float p = (-0x1.5d71dp-16f);
  p = p * t + 0x1.c4590cp-12f;
  p = p * t + (-0x1.10624ep-8f);
  p = p * t + 0x1.9aebaep-6f;
  p = p * t + (-0x1.bb4548p-4f);
  p = p * t + (-0x1.444d1ep-1f);
  p = p * t + (-0x1.212626p+0f);
  p = p * t + 0x1.62d89cp-13f;
  return a < 0x1.d8p-1f ? model_erf_small(x) : model_copysign(1.0f - model_exp_near(p), x);
}

#endif

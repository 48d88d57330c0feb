#ifndef MODEL_KERNEL_SIN_COS
#define MODEL_KERNEL_SIN_COS

#include "abs.c"
#include "quarter.c"

/* sin(x + turn pi / 2), at most 3 ULP from the exact value; a NaN of a number that is not finite. */
MODEL_INLINE float model_sin_turned(const float x, const uint32_t turn) {
  if (!(model_abs(x) <= 0x1.fffffep+127f)) {
    return x - x;
  }
  uint32_t n = 0;
  float r = x;
  if (model_abs(x) > 0x1.921fb6p-1f) {
    r = model_quarter(x, &n);
    r = x < 0.0f ? -r : r;
    n = x < 0.0f ? 0u - n : n;
  }
  n += turn;
  const float z = r * r;
  float s = 0x1.71de3ap-19f;
  s = s * z + (-0x1.a01a02p-13f);
  s = s * z + 0x1.111112p-7f;
  s = s * z + (-0x1.555556p-3f);
  float c = -0x1.27e4fcp-22f;
  c = c * z + 0x1.a01a02p-16f;
  c = c * z + (-0x1.6c16c2p-10f);
  c = c * z + 0x1.555556p-5f;
  const float value = n % 2 == 0 ? r + (r * z) * s : (1.0f - 0.5f * z) + (z * z) * c;
  return n % 4 < 2 ? value : -value;
}
MODEL_INLINE float model_sin(const float x) { return model_sin_turned(x, 0); }
MODEL_INLINE float model_cos(const float x) { return model_sin_turned(x, 1); }

#endif

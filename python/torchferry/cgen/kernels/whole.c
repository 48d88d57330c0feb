#ifndef MODEL_KERNEL_WHOLE
#define MODEL_KERNEL_WHOLE

#include "abs.c"
#include "copysign.c"

/* Whole numbers: numbers from 2^23 on are whole, as is what is not finite; zero keeps its sign. */
MODEL_INLINE float model_trunc(const float x) { return model_abs(x) < 0x1p+23f ? model_copysign((float)(int32_t)x, x) : x; }
MODEL_INLINE float model_floor(const float x) {
  const float whole = model_trunc(x);
  return whole > x ? whole - 1.0f : whole;
}
MODEL_INLINE float model_ceil(const float x) {
  const float whole = model_trunc(x);
  return whole < x ? model_copysign(whole + 1.0f, x) : whole;
}
/* Halves to even. */
MODEL_INLINE float model_round(const float x) {
  return model_abs(x) < 0x1p+23f ? model_copysign((model_abs(x) + 0x1p+23f) - 0x1p+23f, x) : x;
}

#endif

#ifndef MODEL_KERNEL_QUANTIZE
#define MODEL_KERNEL_QUANTIZE

#include "saturations.c"
#include "to_bits.c"

/* round(x * inverse) + zero, kept within 0..255; NaN counts as 0. */
MODEL_INLINE uint8_t model_quantize(const float x, const float inverse, const int zero) {
  const int is_nan = (model_to_bits(x) & 0x7fffffffu) > 0x7f800000u; /* of x != x gcc 12 makes wrong code for SVE */
  const float scaled = (is_nan ? 0.0f : x) * inverse;
  const float low = (float)-zero;
  const float high = (float)(255 - zero);
  MODEL_COUNT_BEYOND(scaled < low - 0.5f || scaled > high + 0.5f);
  const float clamped = scaled < low ? low : (scaled > high ? high : scaled);
  const float rounded = (clamped + 0x1.8p+23f) - 0x1.8p+23f;
  return (uint8_t)((int)rounded + zero);
}

#endif

#ifndef MODEL_KERNEL_QUANTIZE_INT16
#define MODEL_KERNEL_QUANTIZE_INT16

#include "saturations.c"
#include "to_bits.c"

/* round(x * inverse) + zero, kept within -32768..32767; NaN counts as 0. */
MODEL_INLINE int16_t model_quantize_int16(const float x, const float inverse, const int32_t zero) {
  const int is_nan = (model_to_bits(x) & 0x7fffffffu) > 0x7f800000u;
  const float scaled = (is_nan ? 0.0f : x) * inverse;
  const float low = (float)(-32768 - zero);
  const float high = (float)(32767 - zero);
  MODEL_COUNT_BEYOND(scaled < low - 0.5f || scaled > high + 0.5f);
  const float clamped = scaled < low ? low : (scaled > high ? high : scaled);
  const float rounded = (clamped + 0x1.8p+23f) - 0x1.8p+23f;
  return (int16_t)((int32_t)rounded + zero);
}

#endif

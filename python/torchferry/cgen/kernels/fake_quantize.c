#ifndef MODEL_KERNEL_FAKE_QUANTIZE
#define MODEL_KERNEL_FAKE_QUANTIZE

#include "to_bits.c"

/* round(x * inverse), kept within low..high, times scale: the nearest number of a grid. NaN counts as 0. */
MODEL_INLINE float model_fake_quantize(
    const float x, const float inverse, const float low, const float high, const float scale) {
  const int is_nan = (model_to_bits(x) & 0x7fffffffu) > 0x7f800000u; /* of x != x gcc 12 makes wrong code for SVE */
  const float scaled = (is_nan ? 0.0f : x) * inverse;
  const float clamped = scaled < low ? low : (scaled > high ? high : scaled);
  return ((clamped + 0x1.8p+23f) - 0x1.8p+23f) * scale;
}

#endif

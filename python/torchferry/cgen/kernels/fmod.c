#ifndef MODEL_KERNEL_FMOD
#define MODEL_KERNEL_FMOD

#include "abs.c"
#include "copysign.c"

/* The exact remainder of a / b towards zero, with the sign of a: long division of the significands, bit by bit. */
MODEL_INLINE float model_fmod(const float a, const float b) {
  const float size = model_abs(a), divisor = model_abs(b);
  if (!(size <= 0x1.fffffep+127f) || !(divisor > 0.0f)) {
    return model_from_bits(0x7fc00000u);
  }
  if (!(size >= divisor)) {
    return divisor == divisor ? a : model_from_bits(0x7fc00000u);
  }
  const uint32_t x = model_to_bits(size), y = model_to_bits(divisor);
  const uint32_t from = x >> 23 ? x >> 23 : 1, to = y >> 23 ? y >> 23 : 1;
  const uint32_t step = (y & 0x7fffffu) | (y >> 23 ? 0x800000u : 0);
  uint32_t rest = (x & 0x7fffffu) | (x >> 23 ? 0x800000u : 0);
  for (uint32_t exponent = from; exponent > to; --exponent) {
    rest = (rest % step) << 1;
  }
  rest %= step;
  uint32_t exponent = to;
  while (rest != 0 && rest < 0x800000u && exponent > 1) {
    rest <<= 1;
    --exponent;
  }
  return model_copysign(model_from_bits(rest < 0x800000u ? rest : (exponent << 23) + (rest - 0x800000u)), a);
}

/* The remainder with the sign of b, which is moved by b where the exact one has another sign. */
MODEL_INLINE float model_remainder(const float a, const float b) {
  const float rest = model_fmod(a, b);
  return rest != 0.0f && (b < 0.0f) != (rest < 0.0f) ? rest + b : rest;
}

#endif

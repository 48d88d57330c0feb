#ifndef MODEL_KERNEL_POW
#define MODEL_KERNEL_POW

#include "abs.c"
#include "copysign.c"
#include "pair.c"

/* The logarithm to base 2 of a positive finite number: n + 2 / ln 2 artanh(s), s = (m - 1) / (m + 1), x = 2^n m. */
MODEL_INLINE model_pair model_log2_pair(const float x) {
  const int small = x < 0x1p-126f;
  const uint32_t shifted = model_to_bits(small ? x * 0x1p+23f : x) - 0x3f3504f3u + 0x40000000u;
  const float n = (float)((int32_t)(shifted >> 23) - (small ? 151 : 128));
  const float m = model_from_bits((shifted & 0x7fffffu) + 0x3f3504f3u);
  const float above = m - 1.0f, below = m + 1.0f, s = above / below;
  const model_pair back = model_pair_product(s, below);
  const float rest = (((above - back.high) - back.low) - s * (m - (below - 1.0f))) / below;
  model_pair square = model_pair_product(s, s);
  square.low += (s + s) * rest;
  const model_pair third = model_pair_scaled(square.high, square.low, 0x1.555556p-2f, -0x1.555556p-27f);
  float p = 0x1.3b13b2p-4f;
  p = p * square.high + 0x1.745d18p-4f;
  p = p * square.high + 0x1.c71c72p-4f;
  p = p * square.high + 0x1.24924ap-3f;
  p = p * square.high + 0x1.99999ap-3f;
  const float tail = (square.high * square.high) * p, series = third.high + tail;
  const float series_rest = ((third.high - series) + tail) + third.low;
  const float one = 1.0f + series, one_rest = ((1.0f - one) + series) + series_rest;
  const model_pair half = model_pair_scaled(s, rest, one, one_rest);
  const model_pair part = model_pair_scaled(half.high, half.low, 0x1.715476p+1f, 0x1.4ae0cp-25f);
  model_pair total;
  total.high = n + part.high;
  total.low = ((n - total.high) + part.high) + part.low;
  return total;
}

/* x^y of a positive finite x other than 1: 2^(y log2 x). */
MODEL_INLINE float model_pow_of_positive(const float x, const float y) {
  const model_pair logarithm = model_log2_pair(x);
  const model_pair exponent = model_pair_product(y, logarithm.high);
  const float above = exponent.high < -0x1.3p+7f ? -0x1.3p+7f : exponent.high;
  const float clamped = above > 0x1.04p+7f ? 0x1.04p+7f : above;
  const float whole = (clamped + 0x1.8p+23f) - 0x1.8p+23f;
  const float rest = clamped == exponent.high ? exponent.low + y * logarithm.low : 0.0f;
  const float r = ((clamped - whole) + rest) * 0x1.62e43p-1f;
  float p = 0x1.6a2318p-10f;
  p = p * r + 0x1.123a8ep-7f;
  p = p * r + 0x1.5558f6p-5f;
  p = p * r + 0x1.55549p-3f;
  p = p * r + 0x1.fffffcp-2f;
  const uint32_t biased = (uint32_t)(int32_t)(whole + 254.0f), half = biased >> 1;
  const float power = 1.0f + (r + (r * r) * p);
  return (power * model_from_bits(half << 23)) * model_from_bits((biased - half) << 23);
}

/* x^y, at most 2 ULP from the exact value. Of a negative x a whole y has a power; 1^y and x^0 are 1, whatever the other is. */
MODEL_INLINE float model_pow(const float x, const float y) {
  if (y == 0.0f || x == 1.0f) {
    return 1.0f;
  }
  if (x != x || y != y) {
    return model_from_bits(0x7fc00000u);
  }
  const float size = model_abs(x), near = model_abs(y) < 0x1p+24f ? y : 0.0f; /* from there on every number is even */
  if (size > 0.0f && size <= 0x1.fffffep+127f && x < 0.0f && (float)(int32_t)near != near) {
    return model_from_bits(0x7fc00000u);
  }
  float power = 1.0f;
  if (!(size > 0.0f) || size > 0x1.fffffep+127f) {
    power = (size == 0.0f) == (y < 0.0f) ? model_from_bits(0x7f800000u) : 0.0f;
  } else if (size != 1.0f) {
    power = model_pow_of_positive(size, y);
  }
  return (float)(int32_t)near == near && (int32_t)near % 2 != 0 ? model_copysign(power, x) : power;
}

#endif

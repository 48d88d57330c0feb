#ifndef MODEL_KERNEL_LN
#define MODEL_KERNEL_LN

#include "from_bits.c"
#include "to_bits.c"

/* The natural logarithm of any number, at most 2 ULP from the exact value; log.c takes numbers >= 1 only. */
MODEL_INLINE float model_ln(const float x) {
  const int small = x < 0x1p-126f;
  const uint32_t shifted = model_to_bits(small ? x * 0x1p+23f : x) - 0x3f3504f3u + 0x40000000u;
  const float n = (float)((int32_t)(shifted >> 23) - (small ? 151 : 128));
  const float f = model_from_bits((shifted & 0x7fffffu) + 0x3f3504f3u) - 1.0f;
  const float z = f * f;
  float p = 0x1.1457a8p-4f;
  p = p * f + (-0x1.de3c16p-4f);
  p = p * f + 0x1.e6f06ap-4f;
  p = p * f + (-0x1.fc2208p-4f);
  p = p * f + 0x1.233768p-3f;
  p = p * f + (-0x1.555c4ep-3f);
  p = p * f + 0x1.99a4b6p-3f;
  p = p * f + (-0x1.000006p-2f);
  p = p * f + 0x1.555548p-2f;
  const float tail = (f * z) * p + n * 0x1.7f7d1cp-20f;
  const float value = ((tail - 0.5f * z) + f) + n * 0x1.62e4p-1f;
  if (!(x > 0.0f) || x > 0x1.fffffep+127f) {
    return x == 0.0f ? model_from_bits(0xff800000u) : x < 0.0f ? model_from_bits(0x7fc00000u) : x;
  }
  return value;
}

#endif

#ifndef MODEL_KERNEL_LOG
#define MODEL_KERNEL_LOG

#include "from_bits.c"
#include "to_bits.c"

/* The natural logarithm of a number >= 1, at most 2 ULP from the exact value. */
MODEL_INLINE float model_log(const float x) {
  const uint32_t shifted = model_to_bits(x) - 0x3f3504f3u;
  const float n = (float)(int32_t)(shifted >> 23);
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
  return x > 0x1.fffffep+127f ? x : (x == x ? value : x);
}

#endif

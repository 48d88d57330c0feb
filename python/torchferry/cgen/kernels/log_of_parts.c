#ifndef MODEL_KERNEL_LOG_OF_PARTS
#define MODEL_KERNEL_LOG_OF_PARTS

#include "from_bits.c"

/* log(m 2^n), at most 2 ULP from the exact value: the low 23 bits of `shifted` are those of m, from sqrt(1/2) to sqrt(2), less
 * those of sqrt(1/2). */
MODEL_INLINE float model_log_of_parts(const uint32_t shifted, const float n) {
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
  return ((tail - 0.5f * z) + f) + n * 0x1.62e4p-1f;
}

#endif

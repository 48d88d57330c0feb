#ifndef MODEL_KERNEL_LN
#define MODEL_KERNEL_LN

#include "from_bits.c"
#include "log_of_parts.c"
#include "to_bits.c"

/* The natural logarithm of any number, at most 2 ULP from the exact value; model_log takes numbers >= 1 only. */
MODEL_INLINE float model_ln(const float x) {
  const int small = x < 0x1p-126f;
  const uint32_t shifted = model_to_bits(small ? x * 0x1p+23f : x) - 0x3f3504f3u + 0x40000000u;
  const float n = (float)((int32_t)(shifted >> 23) - (small ? 151 : 128));
  const float value = model_log_of_parts(shifted, n);
  if (!(x > 0.0f) || x > 0x1.fffffep+127f) {
    return x == 0.0f ? model_from_bits(0xff800000u) : x < 0.0f ? model_from_bits(0x7fc00000u) : x;
  }
  return value;
}

#endif

#ifndef MODEL_KERNEL_LOG
#define MODEL_KERNEL_LOG

#include "log_of_parts.c"
#include "to_bits.c"

/* The natural logarithm of a number >= 1, at most 2 ULP from the exact value. */
MODEL_INLINE float model_log(const float x) {
  const uint32_t shifted = model_to_bits(x) - 0x3f3504f3u;
  const float n = (float)(int32_t)(shifted >> 23);
  const float value = model_log_of_parts(shifted, n);
  return x > 0x1.fffffep+127f ? x : (x == x ? value : x);
}

#endif

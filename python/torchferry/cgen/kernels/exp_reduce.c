#ifndef MODEL_KERNEL_EXP_REDUCE
#define MODEL_KERNEL_EXP_REDUCE

#include "to_bits.c"

/* x = n ln 2 + r with |r| <= ln 2 / 2: returns e^r - 1 and n + 254. */
MODEL_INLINE float model_exp_reduce(const float x, uint32_t *const biased) {
  const float z = x * 0x1.715476p+0f + 0x1.8p+23f;
  const float n = z - 0x1.8p+23f;
  const float high = x - n * 0x1.62e4p-1f;
  const float low = n * 0x1.7f7d1cp-20f;
  const float r = high - low;
  float p = 0x1.6a2318p-10f;
  p = p * r + 0x1.123a8ep-7f;
  p = p * r + 0x1.5558f6p-5f;
  p = p * r + 0x1.55549p-3f;
  p = p * r + 0x1.fffffcp-2f;
  *biased = model_to_bits(z) - (0x4b400000u - 254u);
  return high + ((r * r) * p - low);
}

#endif

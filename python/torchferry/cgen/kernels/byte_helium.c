#ifndef MODEL_KERNEL_BYTE_HELIUM
#define MODEL_KERNEL_BYTE_HELIUM

#include "compiler.c"

/* ---- Vectors of a Cortex-M (MVE, "Helium": M55 and later) ------------------------------------------------------------
 * An instruction adds 16 products to one sum, of bytes that are both unsigned: weights get 128 more, and 128 times the sum of
 * the inputs is taken off again. All of that is exact modulo 2^32, and the sums fit. They compute some pixels twice, which what
 * counts saturations must not. */
#if defined(__ARM_FEATURE_MVE) && defined(__GNUC__) && !defined(__ARM_BIG_ENDIAN) && !defined(MODEL_COUNT_SATURATIONS)
#include <arm_mve.h>
#define MODEL_HELIUM

/* The sum of `count` bytes, times 128. */
MODEL_INLINE uint32_t model_helium_excess(const uint8_t *x, const size_t count) {
  uint32_t sum = 0;
  for (size_t i = 0; i < count; i += 16) {
    sum = vaddvaq_u8(sum, vldrbq_z_u8(x + i, vctp8q((uint32_t)(count - i))));
  }
  return 128u * sum;
}

/* The upper halves of four sums times their multipliers, plus the offset. */
MODEL_INLINE int32x4_t model_helium_scaled(const int32x4_t sums, const int32x4_t multiplier, const int64_t offset) {
  const int32x4_t upper = vaddq_n_s32(vmulhq_s32(sums, multiplier), (int32_t)(offset >> 32));
  if ((uint32_t)offset == 0) {
    return upper;
  }
  const uint32x4_t lower = vreinterpretq_u32_s32(vmulq_s32(sums, multiplier));
  return vaddq_m_n_s32(upper, upper, 1, vcmphiq_n_u32(lower, ~(uint32_t)offset));
}
#endif

#endif

#ifndef MODEL_KERNEL_QUARTER
#define MODEL_KERNEL_QUARTER

#include "to_bits.c"

/* Bits of 2 / pi, behind 32 zeros. */
static const MODEL_TABLE uint32_t model_two_over_pi[9] = {
    0x00000000u, 0xa2f9836eu, 0x4e441529u, 0xfc2757d1u, 0xf534ddc0u, 0xdb629599u, 0x3c439041u, 0xfe5163abu, 0xdebbc561u};

/* |x| = n pi / 2 + r with |r| <= pi / 4, for |x| >= 2^-2: returns r and the last two bits of n. (M. Payne and R. Hanek, Radian
 * reduction for trigonometric functions, 1983: only those bits of 2 / pi count whose product with x is below 4.) */
MODEL_INLINE float model_quarter(const float x, uint32_t *const n) {
  const uint32_t bits = model_to_bits(x) & 0x7fffffffu;
  const uint32_t at = (bits >> 23) - 120; /* x is an integer of 24 bits times 2^(at - 30) */
  const uint64_t mantissa = (bits & 0x7fffffu) | 0x800000u;
  uint64_t words[3];
  for (uint32_t k = 0; k < 3; ++k) {
    const MODEL_TABLE uint32_t *const two = model_two_over_pi + at / 32 + k;
    words[k] = ((((uint64_t)two[0] << 32) | two[1]) << (at % 32)) >> 32;
  }
  const uint64_t turns = ((mantissa * words[0]) << 32) + mantissa * words[1] + ((mantissa * words[2]) >> 32);
  const uint64_t quadrant = (turns + ((uint64_t)1 << 61)) >> 62;
  const uint64_t rest = turns - (quadrant << 62);
  *n = (uint32_t)(quadrant & 3);
  return (rest >> 63 ? -(float)(~rest + 1) : (float)rest) * 0x1.921fb6p-62f;
}

#endif

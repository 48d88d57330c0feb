#ifndef MODEL_KERNEL_ARITHMETIC
#define MODEL_KERNEL_ARITHMETIC

#include "to_bits.c"

/* Has this build a fused multiply-add, flush to zero or another rounding mode?
 * The volatile numbers are known only at run time. */
static int model_arithmetic_is_strict(void) {
  volatile float factor = 0x1.001p+0f, rounded_square = 0x1.002p+0f; /* the exact square is 0x1.002001p+0 */
  volatile float smallest_normal = 0x1p-126f, half = 0.5f, one = 1.0f, three = 3.0f;
  const float a = factor;
  const float square_error = a * a - rounded_square;
  const float subnormal = smallest_normal * half;
  const float third = one / three;
  return square_error == 0.0f && subnormal > 0.0f && subnormal + subnormal == smallest_normal &&
         model_to_bits(third) == 0x3eaaaaabu && model_to_bits(-one / three) == 0xbeaaaaabu;
}

#endif

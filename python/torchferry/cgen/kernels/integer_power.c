#ifndef MODEL_KERNEL_INTEGER_POWER
#define MODEL_KERNEL_INTEGER_POWER

#include "compiler.c"

/* x to the power n by squaring, whose bits wrap; to a negative power 1 and -1 only are whole, others give 0. */
MODEL_INLINE int64_t model_integer_power(const int64_t x, const int64_t n) {
  if (n < 0) {
    return x == 1 || (x == -1 && n % 2 == 0) ? 1 : x == -1 ? -1 : 0;
  }
  uint64_t power = 1, square = (uint64_t)x;
  for (uint64_t rest = (uint64_t)n; rest != 0; rest >>= 1) {
    power *= rest & 1 ? square : 1;
    square *= square;
  }
  return (int64_t)power;
}

#endif

#ifndef MODEL_KERNEL_INTEGER_QUOTIENT
#define MODEL_KERNEL_INTEGER_QUOTIENT

#include "compiler.c"

/* The quotient towards zero or, if `floored`, its floor; by 0 it is 0. Of the lowest number by -1 the bits wrap. */
MODEL_INLINE int64_t model_quotient(const int64_t a, const int64_t b, const int floored) {
  if (b == 0 || b == -1) {
    return b == 0 ? 0 : (int64_t)(0u - (uint64_t)a);
  }
  return a / b - (floored && a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

#endif

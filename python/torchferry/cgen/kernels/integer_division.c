#ifndef MODEL_KERNEL_INTEGER_DIVISION
#define MODEL_KERNEL_INTEGER_DIVISION

#include "compiler.c"

/* The remainder with the sign of a or, if `floored`, with that of b; by 0 it is 0. */
MODEL_INLINE int64_t model_rest(const int64_t a, const int64_t b, const int floored) {
  const int64_t rest = b == 0 || b == -1 ? 0 : a % b;
  return floored && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

/* The quotient towards zero or, if `floored`, its floor; by 0 it is 0. Of the lowest number by -1 the bits wrap. */
MODEL_INLINE int64_t model_quotient(const int64_t a, const int64_t b, const int floored) {
  if (b == 0 || b == -1) {
    return b == 0 ? 0 : (int64_t)(0u - (uint64_t)a);
  }
  return a / b - (floored && a % b != 0 && (a < 0) != (b < 0) ? 1 : 0);
}

#endif

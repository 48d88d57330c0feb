#ifndef MODEL_KERNEL_INTEGER_REMAINDER
#define MODEL_KERNEL_INTEGER_REMAINDER

#include "compiler.c"

/* The remainder with the sign of a or, if `floored`, with that of b; by 0 it is 0. */
MODEL_INLINE int64_t model_rest(const int64_t a, const int64_t b, const int floored) {
  const int64_t rest = b == 0 || b == -1 ? 0 : a % b;
  return floored && rest != 0 && (rest < 0) != (b < 0) ? rest + b : rest;
}

#endif

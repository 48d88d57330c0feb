#ifndef MODEL_KERNEL_TO_INT64
#define MODEL_KERNEL_TO_INT64

#include "compiler.c"

/* A number without its fraction: NaN gives 0, what int64_t cannot hold the nearest number that it can. */
MODEL_INLINE int64_t model_to_int64(const float x) {
  if (!(x < 0x1p+63f)) {
    return x == x ? INT64_MAX : 0;
  }
  return x > -0x1p+63f ? (int64_t)x : INT64_MIN;
}

#endif

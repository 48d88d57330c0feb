#ifndef MODEL_KERNEL_FROM_BITS
#define MODEL_KERNEL_FROM_BITS

#include "float_bits.c"

MODEL_INLINE float model_from_bits(const uint32_t bits) {
  model_float_bits pun;
  pun.bits = bits;
  return pun.number;
}

#endif

#ifndef MODEL_KERNEL_TO_BITS
#define MODEL_KERNEL_TO_BITS

#include "float_bits.c"

MODEL_INLINE uint32_t model_to_bits(const float number) {
  model_float_bits pun;
  pun.number = number;
  return pun.bits;
}

#endif

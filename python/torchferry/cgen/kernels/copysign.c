#ifndef MODEL_KERNEL_COPYSIGN
#define MODEL_KERNEL_COPYSIGN

#include "from_bits.c"
#include "to_bits.c"

MODEL_INLINE float model_copysign(const float x, const float sign) {
  return model_from_bits((model_to_bits(x) & 0x7fffffffu) | (model_to_bits(sign) & 0x80000000u));
}

#endif

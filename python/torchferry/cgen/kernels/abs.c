#ifndef MODEL_KERNEL_ABS
#define MODEL_KERNEL_ABS

#include "from_bits.c"
#include "to_bits.c"

MODEL_INLINE float model_abs(const float x) { return model_from_bits(model_to_bits(x) & 0x7fffffffu); }

#endif

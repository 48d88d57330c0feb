#ifndef MODEL_KERNEL_FLOAT_BITS
#define MODEL_KERNEL_FLOAT_BITS

#include "compiler.c"

typedef union {
  float number;
  uint32_t bits;
} model_float_bits;

#endif

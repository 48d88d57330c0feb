#ifndef MODEL_KERNEL_TO_FLOATS
#define MODEL_KERNEL_TO_FLOATS

#include "compiler.c"

MODEL_INLINE void model_to_floats(const size_t count, const uint8_t *const restrict bytes, float *const restrict values) {
  for (size_t i = 0; i < count; ++i) {
    values[i] = (float)bytes[i];
  }
}

#endif

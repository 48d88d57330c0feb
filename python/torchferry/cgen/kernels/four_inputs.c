#ifndef MODEL_KERNEL_FOUR_INPUTS
#define MODEL_KERNEL_FOUR_INPUTS

#include "compiler.c"

/* Inputs 4 g to 4 g + 3 as one number, the first in its lowest byte; zeros beyond the end. */
MODEL_INLINE uint32_t model_four_inputs(const uint8_t *const x, const size_t inputs, const size_t g) {
  const uint8_t *const p = x + 4 * g;
  if (4 * g + 4 <= inputs) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  }
  uint32_t four = p[0];
  for (size_t k = 1; 4 * g + k < inputs; ++k) {
    four |= (uint32_t)p[k] << 8 * k;
  }
  return four;
}

#endif

#ifndef MODEL_KERNEL_LARGEST
#define MODEL_KERNEL_LARGEST

#include "compiler.c"

MODEL_INLINE float model_largest(const size_t width, const float *const x) {
  float largest = x[0];
  for (size_t j = 1; j < width; ++j) {
    largest = largest < x[j] ? x[j] : largest;
  }
  return largest + 0.0f; /* one sign of zero, whichever of two was taken */
}

#endif

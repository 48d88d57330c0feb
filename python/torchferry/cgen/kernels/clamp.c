#ifndef MODEL_KERNEL_CLAMP
#define MODEL_KERNEL_CLAMP

#include "compiler.c"

/* Of limits in the wrong order the upper one counts. */
MODEL_INLINE float model_clamp(const float x, const float low, const float high) {
  const float above = x < low ? low : x;
  return (above > high ? high : above) + 0.0f;
}

#endif

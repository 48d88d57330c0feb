#ifndef MODEL_KERNEL_FLOOR_DIVIDE
#define MODEL_KERNEL_FLOOR_DIVIDE

#include "fmod.c"
#include "whole.c"

/* The floor of a / b: the whole number nearest to (a - exact remainder) / b, one less where the signs differ. */
MODEL_INLINE float model_floor_divide(const float a, const float b) {
  const float rest = model_fmod(a, b);
  const float whole = model_round((a - rest) / b - (rest != 0.0f && (b < 0.0f) != (rest < 0.0f) ? 1.0f : 0.0f));
  return b == 0.0f ? a / b : whole == 0.0f ? model_copysign(0.0f, a / b) : whole;
}

#endif

#ifndef MODEL_KERNEL_CLAMP_MIN
#define MODEL_KERNEL_CLAMP_MIN

#include "compiler.c"

MODEL_INLINE float model_clamp_min(const float x, const float low) { return (x < low ? low : x) + 0.0f; }

#endif

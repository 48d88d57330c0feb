#ifndef MODEL_KERNEL_CLAMP_MAX
#define MODEL_KERNEL_CLAMP_MAX

#include "compiler.c"

MODEL_INLINE float model_clamp_max(const float x, const float high) { return (x > high ? high : x) + 0.0f; }

#endif

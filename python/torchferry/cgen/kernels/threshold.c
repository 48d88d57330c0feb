#ifndef MODEL_KERNEL_THRESHOLD
#define MODEL_KERNEL_THRESHOLD

#include "compiler.c"

MODEL_INLINE float model_threshold(const float x, const float at, const float value) { return x <= at ? value : x; }

#endif

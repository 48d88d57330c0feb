#ifndef MODEL_KERNEL_EXTREMES
#define MODEL_KERNEL_EXTREMES

#include "compiler.c"

/* The larger and the smaller of two; a NaN counts as either. */
MODEL_INLINE float model_maximum(const float a, const float b) { return (a > b || a != a ? a : b) + 0.0f; }
MODEL_INLINE float model_minimum(const float a, const float b) { return (a < b || a != a ? a : b) + 0.0f; }

#endif

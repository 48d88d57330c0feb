#ifndef MODEL_KERNEL_LEAKY_RELU
#define MODEL_KERNEL_LEAKY_RELU

#include "compiler.c"

MODEL_INLINE float model_leaky_relu(const float x, const float slope) { return x < 0.0f ? x * slope : x; }

#endif

#ifndef MODEL_KERNEL_RELU
#define MODEL_KERNEL_RELU

#include "compiler.c"

/* Here and in the clamps + 0.0f makes +0 of -0: clang takes x < 0 ? 0 : x for a maximum, whose zero has either sign. */
MODEL_INLINE float model_relu(const float x) { return (x < 0.0f ? 0.0f : x) + 0.0f; }

#endif

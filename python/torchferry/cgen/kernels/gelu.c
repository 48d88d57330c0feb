#ifndef MODEL_KERNEL_GELU
#define MODEL_KERNEL_GELU

#include "erf.c"

/* x (1 + erf(x / sqrt 2)) / 2 */
MODEL_INLINE float model_gelu(const float x) { return (0.5f * x) * (1.0f + model_erf(x * 0x1.6a09e6p-1f)); }

#endif

#ifndef MODEL_KERNEL_MISH
#define MODEL_KERNEL_MISH

#include "softplus.c"
#include "tanh.c"

/* x tanh(log(1 + e^x)) */
MODEL_INLINE float model_mish(const float x) { return x * model_tanh(model_softplus(x, 1.0f, 20.0f)); }

#endif

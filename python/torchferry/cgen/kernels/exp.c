#ifndef MODEL_KERNEL_EXP
#define MODEL_KERNEL_EXP

#include "exp_falling.c"

/* e^x, at most 2 ULP from the exact value, with gradual underflow. */
MODEL_INLINE float model_exp(const float x) { return model_exp_falling(x > 0x1.64p+6f ? 0x1.64p+6f : x); }

#endif

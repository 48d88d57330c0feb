#ifndef MODEL_KERNEL_LOG1P
#define MODEL_KERNEL_LOG1P

#include "ln.c"

/* log(1 + x): the rounding of 1 + x is made good by x / ((1 + x) - 1). */
MODEL_INLINE float model_log1p(const float x) {
  const float sum = 1.0f + x;
  const float rounded = sum - 1.0f;
  if (rounded == 0.0f || sum > 0x1.fffffep+127f) {
    return x;
  }
  return model_ln(sum) * (x / rounded);
}

#endif

#ifndef MODEL_KERNEL_SOFTPLUS
#define MODEL_KERNEL_SOFTPLUS

#include "exp.c"
#include "log1p.c"

/* log(1 + e^(beta x)) / beta; x itself where beta x is above `threshold`. */
MODEL_INLINE float model_softplus(const float x, const float beta, const float threshold) {
  const float scaled = x * beta;
  return scaled > threshold ? x : model_log1p(model_exp(scaled)) / beta;
}

#endif

#ifndef MODEL_KERNEL_RNN_TANH_STEP
#define MODEL_KERNEL_RNN_TANH_STEP

#include "tanh.c"

/* One step: x [hidden] are the input parts, `gates` [hidden] the sums of the state. */
MODEL_APART static void model_rnn_tanh_step(
    const size_t hidden, const float *const restrict x, const float *const restrict gates, float *const restrict h) {
  for (size_t j = 0; j < hidden; ++j) {
    h[j] = model_tanh(x[j] + gates[j]);
  }
}

#endif

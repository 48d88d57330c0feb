#ifndef MODEL_KERNEL_GRU_STEP
#define MODEL_KERNEL_GRU_STEP

#include "sigmoid.c"
#include "tanh.c"

/* One step: x [3 hidden] are the gates' input parts, `gates` [3 hidden] their sums of the state; reset, update, new. */
MODEL_APART static void model_gru_step(
    const size_t hidden, const float *const restrict x, const float *const restrict gates, float *const restrict h) {
  for (size_t j = 0; j < hidden; ++j) {
    const float reset = model_sigmoid(x[j] + gates[j]);
    const float update = model_sigmoid(x[hidden + j] + gates[hidden + j]);
    const float fresh = model_tanh(x[2 * hidden + j] + reset * gates[2 * hidden + j]);
    h[j] = fresh + update * (h[j] - fresh);
  }
}

#endif

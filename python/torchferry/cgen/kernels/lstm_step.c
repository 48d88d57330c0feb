#ifndef MODEL_KERNEL_LSTM_STEP
#define MODEL_KERNEL_LSTM_STEP

#include "sigmoid.c"
#include "tanh.c"

/* One step: x [4 hidden] are the gates' input parts, `gates` [4 hidden] their sums of the state; input, forget, cell, output.
 */
MODEL_APART static void model_lstm_step(const size_t hidden, const float *const restrict x, const float *const restrict gates,
    float *const restrict h, float *const restrict c) {
  for (size_t j = 0; j < hidden; ++j) {
    const float in = model_sigmoid(x[j] + gates[j]);
    const float forget = model_sigmoid(x[hidden + j] + gates[hidden + j]);
    const float cell = model_tanh(x[2 * hidden + j] + gates[2 * hidden + j]);
    const float out = model_sigmoid(x[3 * hidden + j] + gates[3 * hidden + j]);
    c[j] = forget * c[j] + in * cell;
    h[j] = out * model_tanh(c[j]);
  }
}

#endif

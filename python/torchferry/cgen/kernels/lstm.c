#ifndef MODEL_KERNEL_LSTM
#define MODEL_KERNEL_LSTM

#include "recurrent_sums.c"
#include "sigmoid.c"
#include "tanh.c"

/* One step: x [4 hidden] are the gates' input parts, `gates` [4 hidden] becomes their sums; input, forget, cell, output. */
MODEL_INLINE void model_lstm_step(const size_t hidden, const float *const restrict x, float *const restrict gates,
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

/* y[steps, hidden] from x [steps, 4 hidden]; h and c are the state before and after. `reverse`: from the last step to the
 * first. */
static void model_lstm(const size_t steps, const size_t hidden, const int reverse, const float *const restrict x,
    const float *const restrict weights, const float *const restrict bias, float *const restrict gates, float *const restrict h,
    float *const restrict c, float *const restrict y) {
  for (size_t t = 0; t < steps; ++t) {
    const size_t at = reverse ? steps - 1 - t : t;
    model_recurrent_sums(hidden, 4 * hidden, h, weights, bias, gates);
    model_lstm_step(hidden, x + at * 4 * hidden, gates, h, c);
    for (size_t j = 0; j < hidden; ++j) {
      y[at * hidden + j] = h[j];
    }
  }
}

#endif

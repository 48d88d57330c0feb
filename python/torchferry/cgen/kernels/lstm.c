#ifndef MODEL_KERNEL_LSTM
#define MODEL_KERNEL_LSTM

#include "lstm_step.c"
#include "recurrent_sums.c"

/* y[steps, hidden] from x [steps, 4 hidden]; h and c are the state before and after. `reverse`: from the last step to the
 * first. */
static void model_lstm(const size_t steps, const size_t hidden, const int reverse, const float *const restrict x,
    const MODEL_TABLE float *const restrict weights, const MODEL_TABLE float *const restrict bias, float *const restrict gates,
    float *const restrict h, float *const restrict c, float *const restrict y) {
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

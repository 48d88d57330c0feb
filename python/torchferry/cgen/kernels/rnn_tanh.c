#ifndef MODEL_KERNEL_RNN_TANH
#define MODEL_KERNEL_RNN_TANH

#include "recurrent_sums.c"
#include "rnn_tanh_step.c"

/* y[steps, hidden] from x [steps, hidden], the input parts; h is the state before and after. `reverse`: from the last step to
 * the first. */
static void model_rnn_tanh(const size_t steps, const size_t hidden, const int reverse, const float *const restrict x,
    const MODEL_TABLE float *const restrict weights, const MODEL_TABLE float *const restrict bias, float *const restrict gates,
    float *const restrict h, float *const restrict y) {
  for (size_t t = 0; t < steps; ++t) {
    const size_t at = reverse ? steps - 1 - t : t;
    model_recurrent_sums(hidden, hidden, h, weights, bias, gates);
    model_rnn_tanh_step(hidden, x + at * hidden, gates, h);
    for (size_t j = 0; j < hidden; ++j) {
      y[at * hidden + j] = h[j];
    }
  }
}

#endif

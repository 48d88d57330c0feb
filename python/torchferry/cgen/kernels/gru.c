#ifndef MODEL_KERNEL_GRU
#define MODEL_KERNEL_GRU

#include "recurrent_sums.c"
#include "sigmoid.c"
#include "tanh.c"

/* y[steps, hidden] from x [steps, 3 hidden], the gates' input parts: reset, update, new; h is the state before and after.
 * `reverse`: from the last step to the first. */
static void model_gru(const size_t steps, const size_t hidden, const int reverse, const float *const restrict x,
    const float *const restrict weights, const float *const restrict bias, float *const restrict gates, float *const restrict h,
    float *const restrict y) {
  for (size_t t = 0; t < steps; ++t) {
    const size_t at = reverse ? steps - 1 - t : t;
    const float *const part = x + at * 3 * hidden;
    model_recurrent_sums(hidden, 3 * hidden, h, weights, bias, gates);
    for (size_t j = 0; j < hidden; ++j) {
      const float reset = model_sigmoid(part[j] + gates[j]);
      const float update = model_sigmoid(part[hidden + j] + gates[hidden + j]);
      const float fresh = model_tanh(part[2 * hidden + j] + reset * gates[2 * hidden + j]);
      h[j] = fresh + update * (h[j] - fresh);
      y[at * hidden + j] = h[j];
    }
  }
}

#endif

#ifndef MODEL_KERNEL_FFT
#define MODEL_KERNEL_FFT

#include "compiler.c"

/* The size, how many numbers of the result are kept, the count of its factors, and the direction. */
typedef struct {
  size_t n, kept, stages;
  int inverse;
} model_fft_plan;

/* One stage: `factor` transforms of `length` become one, for each of the `left` that are left. Numbers are real, imaginary. */
MODEL_INLINE void model_fft_stage(const model_fft_plan *const plan, const size_t factor, const size_t length,
    const MODEL_TABLE float *const turns, const float *const restrict x, float *const restrict y) {
  const size_t longer = length * factor, left = plan->n / longer;
  for (size_t j = 0; j < left; ++j) {
    for (size_t k = 0; k < longer; ++k) {
      const float *const first = x + 2 * (j * length + k % length);
      float a = first[0], b = first[1];
      for (size_t q = 1; q < factor; ++q) {
        const float *const p = x + 2 * ((j + q * left) * length + k % length);
        const MODEL_TABLE float *const turn = turns + 2 * (size_t)((uint64_t)q * k * left % plan->n);
        const float sine = plan->inverse ? turn[1] : -turn[1];
        a += p[0] * turn[0] - p[1] * sine;
        b += p[0] * sine + p[1] * turn[0];
      }
      y[2 * (j * longer + k)] = a;
      y[2 * (j * longer + k) + 1] = b;
    }
  }
}

/* The transform of `real` and `imaginary`, which is NULL where there is none. `stages`: room for 4 n numbers. */
MODEL_INLINE void model_fft(const model_fft_plan *const plan, const MODEL_TABLE uint16_t *const factors,
    const MODEL_TABLE float *const turns, const float *const restrict real, const float *const restrict imaginary,
    float *const restrict y_real, float *const restrict y_imaginary, float *const restrict stages) {
  for (size_t j = 0; j < plan->n; ++j) {
    stages[2 * j] = real[j];
    stages[2 * j + 1] = imaginary == NULL ? 0.0f : imaginary[j];
  }
  size_t length = 1;
  for (size_t stage = 0; stage < plan->stages; ++stage) {
    float *const from = stages + (stage % 2) * 2 * plan->n, *const to = stages + (1 - stage % 2) * 2 * plan->n;
    model_fft_stage(plan, factors[stage], length, turns, from, to);
    length *= factors[stage];
  }
  const float *const last = stages + (plan->stages % 2) * 2 * plan->n;
  for (size_t k = 0; k < plan->kept; ++k) {
    y_real[k] = last[2 * k];
    y_imaginary[k] = last[2 * k + 1];
  }
}

#endif

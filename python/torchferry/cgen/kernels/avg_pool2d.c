#ifndef MODEL_KERNEL_AVG_POOL2D
#define MODEL_KERNEL_AVG_POOL2D

#include "avg_pool2d_count.c"

/* The mean inside each window, in the order row, column. `divisor`: instead of the count of positions, unless it is 0. */
MODEL_INLINE void model_avg_pool2d(const model_window *const w, const int padded, const size_t divisor,
    const float *const restrict x, float *const restrict y) {
  for (size_t r = 0; r < w->channels * w->results[0]; ++r) {
    const size_t channel = r / w->results[0], row = r % w->results[0];
    for (size_t j = 0; j < w->results[1]; ++j) {
      float sum = 0.0f;
      for (size_t k = 0; k < w->size[0]; ++k) {
        for (size_t l = 0; l < w->size[1]; ++l) {
          const size_t i = row * w->stride[0] + k - w->padding[0]; /* before the sample: wraps to the largest */
          const size_t at = j * w->stride[1] + l - w->padding[1];
          if (i < w->sample[0] && at < w->sample[1]) {
            sum += x[(channel * w->sample[0] + i) * w->sample[1] + at];
          }
        }
      }
      const size_t count =
          model_avg_pool2d_count(w, 0, row * w->stride[0], padded) * model_avg_pool2d_count(w, 1, j * w->stride[1], padded);
      y[r * w->results[1] + j] = sum / (float)(divisor > 0 ? divisor : count);
    }
  }
}

#endif

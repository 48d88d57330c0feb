#ifndef MODEL_KERNEL_AVG_POOL2D_LAST
#define MODEL_KERNEL_AVG_POOL2D_LAST

#include "avg_pool2d_count.c"

/* The same of x [height, width, channels], all channels of a window at once. */
MODEL_INLINE void model_avg_pool2d_last(const model_window *const w, const int padded, const size_t divisor,
    const float *const restrict x, float *const restrict y) {
  const size_t channels = w->channels;
  for (size_t r = 0; r < w->results[0] * w->results[1]; ++r) {
    const size_t row = r / w->results[1], column = r % w->results[1];
    float *const restrict sums = y + r * channels;
    for (size_t c = 0; c < channels; ++c) {
      sums[c] = 0.0f;
    }
    for (size_t k = 0; k < w->size[0]; ++k) {
      for (size_t l = 0; l < w->size[1]; ++l) {
        const size_t i = row * w->stride[0] + k - w->padding[0]; /* before the sample: wraps to the largest */
        const size_t at = column * w->stride[1] + l - w->padding[1];
        if (i < w->sample[0] && at < w->sample[1]) {
          const float *const restrict pixel = x + (i * w->sample[1] + at) * channels;
          for (size_t c = 0; c < channels; ++c) {
            sums[c] += pixel[c];
          }
        }
      }
    }
    const size_t count =
        model_avg_pool2d_count(w, 0, row * w->stride[0], padded) * model_avg_pool2d_count(w, 1, column * w->stride[1], padded);
    for (size_t c = 0; c < channels; ++c) {
      sums[c] /= (float)(divisor > 0 ? divisor : count);
    }
  }
}

#endif

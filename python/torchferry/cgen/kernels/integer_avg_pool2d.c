#ifndef MODEL_KERNEL_INTEGER_AVG_POOL2D
#define MODEL_KERNEL_INTEGER_AVG_POOL2D

#include "window.c"

/* sums[channels] = bias + the bytes in the window of result `r` of x [height, width, channels]; outside of x they are `zero`.
 */
MODEL_INLINE void model_integer_avg_pool2d(const model_window *const w, const size_t r, const int32_t zero, const int32_t bias,
    const uint8_t *const restrict x, int32_t *const restrict sums) {
  const size_t channels = w->channels, row = r / w->results[1], column = r % w->results[1];
  for (size_t c = 0; c < channels; ++c) {
    sums[c] = bias;
  }
  for (size_t k = 0; k < w->size[0]; ++k) {
    for (size_t l = 0; l < w->size[1]; ++l) {
      const size_t i = row * w->stride[0] + k - w->padding[0]; /* before the sample: wraps to the largest */
      const size_t at = column * w->stride[1] + l - w->padding[1];
      const int inside = i < w->sample[0] && at < w->sample[1];
      const uint8_t *const pixel = x + (inside ? (i * w->sample[1] + at) * channels : 0);
      for (size_t c = 0; c < channels; ++c) {
        sums[c] += inside ? pixel[c] : zero;
      }
    }
  }
}

#endif

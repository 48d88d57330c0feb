#ifndef MODEL_KERNEL_INTEGER_MAX_POOL2D
#define MODEL_KERNEL_INTEGER_MAX_POOL2D

#include "window.c"

/* The largest byte in each window of x [height, width, channels], all channels of a window at once. */
MODEL_INLINE void model_integer_max_pool2d(
    const model_window *const w, const uint8_t *const restrict x, uint8_t *const restrict y) {
  const size_t channels = w->channels;
  for (size_t r = 0; r < w->results[0] * w->results[1]; ++r) {
    const size_t row = r / w->results[1], column = r % w->results[1];
    uint8_t *const restrict largest = y + r * channels;
    for (size_t c = 0; c < channels; ++c) {
      largest[c] = 0;
    }
    for (size_t k = 0; k < w->size[0]; ++k) {
      for (size_t l = 0; l < w->size[1]; ++l) {
        const size_t i = row * w->stride[0] + k * w->dilation[0] - w->padding[0]; /* before the sample: wraps to the largest */
        const size_t at = column * w->stride[1] + l * w->dilation[1] - w->padding[1];
        if (i < w->sample[0] && at < w->sample[1]) {
          const uint8_t *const restrict pixel = x + (i * w->sample[1] + at) * channels;
          for (size_t c = 0; c < channels; ++c) {
            largest[c] = pixel[c] > largest[c] ? pixel[c] : largest[c];
          }
        }
      }
    }
  }
}

#endif

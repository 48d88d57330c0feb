#ifndef MODEL_KERNEL_FILL_LINE
#define MODEL_KERNEL_FILL_LINE

#include "line_width.c"
#include "vectors.c"

/* Fills a line with row `at` of the sample, counted from the top of the padding; outside of the sample there are zeros. `last`:
 * the sample is [height, width, channels], else [channels, height, width]. */
MODEL_INLINE void model_fill_line(
    const model_window *const w, const int last, const size_t at, const float *const restrict x, float *const restrict line) {
  const size_t channels = w->channels, width = model_line_width(w), i = at - w->padding[0]; /* above: wraps to the largest */
  const size_t left = w->padding[1] < width ? w->padding[1] : width;
  const size_t end = left + w->sample[1] < width ? left + w->sample[1] : width;
  const size_t after = i < w->sample[0] ? end : left;
  for (size_t e = 0; e < left * channels; ++e) {
    line[e] = 0.0f;
  }
  if (last) {
    for (size_t e = 0; e < (after - left) * channels; ++e) {
      line[left * channels + e] = x[i * w->sample[1] * channels + e];
    }
  } else if (MODEL_LANES > 1 && channels <= 4) { /* compilers join so few planes by vectors */
    for (size_t j = left; j < after; ++j) {
      for (size_t c = 0; c < channels; ++c) {
        line[j * channels + c] = x[(c * w->sample[0] + i) * w->sample[1] + j - left];
      }
    }
  } else {
    for (size_t c = 0; c < channels; ++c) {
      for (size_t j = left; j < after; ++j) {
        line[j * channels + c] = x[(c * w->sample[0] + i) * w->sample[1] + j - left];
      }
    }
  }
  for (size_t e = after * channels; e < width * channels; ++e) {
    line[e] = 0.0f;
  }
}

#endif

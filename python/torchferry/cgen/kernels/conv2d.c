#ifndef MODEL_KERNEL_CONV2D
#define MODEL_KERNEL_CONV2D

#include "window_reach.c"

/* One row of results of one channel: sum over `channels` of the group from `x`, with weights [channels, size]. */
MODEL_INLINE void model_conv2d_row(const model_window *const w, const size_t channels, const float *const restrict x,
    const float *const restrict weights, const float bias, const size_t row, float *const restrict y) {
  for (size_t j = 0; j < w->results[1]; ++j) {
    y[j] = 0.0f;
  }
  for (size_t c = 0; c < channels; ++c) {
    for (size_t k = 0; k < w->size[0]; ++k) {
      const size_t at = row * w->stride[0] + k * w->dilation[0] - w->padding[0]; /* before the sample: wraps to the largest */
      if (at >= w->sample[0]) {
        continue;
      }
      const float *const line = x + (c * w->sample[0] + at) * w->sample[1];
      for (size_t l = 0; l < w->size[1]; ++l) {
        const float weight = weights[(c * w->size[0] + k) * w->size[1] + l];
        size_t first, after;
        model_window_reach(w, 1, l, &first, &after);
        for (size_t j = first; j < after; ++j) {
          y[j] += weight * line[j * w->stride[1] + l * w->dilation[1] - w->padding[1]];
        }
      }
    }
  }
  for (size_t j = 0; j < w->results[1]; ++j) {
    y[j] += bias;
  }
}

/* Row number `part` of the results of all channels. */
MODEL_INLINE void model_conv2d_part(const model_window *const w, const size_t results, const size_t groups, const size_t part,
    const float *const restrict x, const float *const restrict weights, const float *const restrict bias,
    float *const restrict y) {
  const size_t channels = w->channels / groups;
  const size_t o = part / w->results[0];
  const float *const from = x + o / (results / groups) * channels * w->sample[0] * w->sample[1];
  model_conv2d_row(w, channels, from, weights + o * channels * w->size[0] * w->size[1], bias[o], part % w->results[0], y);
}

/* y[results] = bias + the convolution of x with weights [results, channels / groups, size]. Each sum starts at +0 and takes the
 * positions inside the sample in the order channel, row, column; the bias comes last. */
MODEL_INLINE void model_conv2d(const model_window *const w, const size_t results, const size_t groups,
    const float *const restrict x, const float *const restrict weights, const float *const restrict bias,
    float *const restrict y) {
  for (size_t part = 0; part < results * w->results[0]; ++part) {
    model_conv2d_part(w, results, groups, part, x, weights, bias, y + part * w->results[1]);
  }
}

#endif

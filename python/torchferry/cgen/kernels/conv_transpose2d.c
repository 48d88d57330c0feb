#ifndef MODEL_KERNEL_CONV_TRANSPOSE2D
#define MODEL_KERNEL_CONV_TRANSPOSE2D

#include "window.c"

/* One result: the sum over `channels` of a group from `x`, with weights [channels, apart] of which `weights` is the first. */
MODEL_INLINE float model_conv_transpose2d_at(const model_window *const w, const size_t channels, const size_t apart,
    const float *const restrict x, const MODEL_TABLE float *const restrict weights, const size_t row, const size_t column) {
  float sum = 0.0f;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t k = 0; k < w->size[0]; ++k) {
      const size_t i = row + w->padding[0] - k * w->dilation[0]; /* before the sample: wraps to the largest */
      for (size_t l = 0; l < w->size[1]; ++l) {
        const size_t at = column + w->padding[1] - l * w->dilation[1];
        if (i % w->stride[0] == 0 && i / w->stride[0] < w->results[0] && at % w->stride[1] == 0 &&
            at / w->stride[1] < w->results[1]) {
          sum += weights[c * apart + k * w->size[1] + l] *
                 x[(c * w->results[0] + i / w->stride[0]) * w->results[1] + at / w->stride[1]];
        }
      }
    }
  }
  return sum;
}

/* y[results] = bias + x spread over windows, with weights [channels, results / groups, size]. `sample` of the window is y, its
 * `results` are x. Each sum starts at +0 and takes the inputs in the order channel, row, column of the window. */
MODEL_INLINE void model_conv_transpose2d(const model_window *const w, const size_t results, const size_t groups,
    const float *const restrict x, const MODEL_TABLE float *const restrict weights,
    const MODEL_TABLE float *const restrict bias, float *const restrict y) {
  const size_t channels = w->channels / groups, each = results / groups, size = w->size[0] * w->size[1];
  for (size_t o = 0; o < results; ++o) {
    const size_t start = o / each * channels;
    for (size_t row = 0; row < w->sample[0]; ++row) {
      for (size_t column = 0; column < w->sample[1]; ++column) {
        y[(o * w->sample[0] + row) * w->sample[1] + column] =
            model_conv_transpose2d_at(w, channels, each * size, x + start * w->results[0] * w->results[1],
                weights + (start * each + o % each) * size, row, column) +
            bias[o];
      }
    }
  }
}

#endif

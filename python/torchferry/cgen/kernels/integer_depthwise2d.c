#ifndef MODEL_KERNEL_INTEGER_DEPTHWISE2D
#define MODEL_KERNEL_INTEGER_DEPTHWISE2D

#include "byte_lines.c"
#include "requantise.c"

#define MODEL_INTEGER_CHANNELS 16 /* sums beside each other */

/* Sums of one pixel for up to 16 channels. */
MODEL_INLINE void model_integer_depthwise2d_sums(const model_window *const w, const int direct, const size_t row,
    const size_t count, const uint8_t *const restrict x, const int8_t *restrict weights, const int32_t *const restrict bias,
    int32_t *const restrict sums) {
  for (size_t c = 0; c < count; ++c) {
    sums[c] = bias[c];
  }
  for (size_t k = 0; k < w->size[0]; ++k) {
    const uint8_t *from = model_byte_line_of(w, direct, row, k, x);
    for (size_t l = 0; l < w->size[1]; ++l, from += w->dilation[1] * w->channels, weights += w->channels) {
      for (size_t c = 0; c < count; ++c) {
        sums[c] += (int32_t)from[c] * weights[c];
      }
    }
  }
}

/* Row `row` of y [height, width, channels]: each channel with a window of its own, of weights [row, column, channel]. With a
 * step bytes `y`, else the sums. */
MODEL_INLINE void model_integer_depthwise2d_row(const model_window *const w, const int direct, const size_t row,
    const uint8_t *const restrict x, const int8_t *const restrict weights, const int32_t *const restrict bias,
    const model_step *const step, uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t channels = w->channels, apart = w->stride[1] * channels;
  for (size_t j = 0; j < w->results[1]; ++j) {
    for (size_t c = 0; c < channels; c += MODEL_INTEGER_CHANNELS) {
      const size_t count = channels - c < MODEL_INTEGER_CHANNELS ? channels - c : MODEL_INTEGER_CHANNELS;
      int32_t own[MODEL_INTEGER_CHANNELS];
      model_integer_depthwise2d_sums(
          w, direct, row, count, x + j * apart + c, weights + c, bias + c, step != NULL ? own : sums + j * channels + c);
      if (step != NULL) {
        model_requantise(step, c, count, own, y + j * channels + c);
      }
    }
  }
}

#endif

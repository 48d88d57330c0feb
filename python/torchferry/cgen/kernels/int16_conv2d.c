#ifndef MODEL_KERNEL_INT16_CONV2D
#define MODEL_KERNEL_INT16_CONV2D

#include "int16_columns.c"
#include "window.c"

/* The inputs of one window, [row][column][channel] of `channels` from number `first` on, then zeros to a whole group of four.
 * Outside of the sample there is `zero`. `last`: the sample is [height, width, channels], else [channels, height, width]. */
MODEL_INLINE void model_int16_patch(const model_window *const w, const int last, const int16_t zero, const size_t first,
    const size_t channels, const size_t row, const size_t column, const int16_t *const restrict x,
    int16_t *const restrict patch) {
  size_t e = 0;
  for (size_t k = 0; k < w->size[0]; ++k) {
    const size_t i = row * w->stride[0] + k * w->dilation[0] - w->padding[0]; /* above: wraps to the largest */
    for (size_t l = 0; l < w->size[1]; ++l) {
      const size_t j = column * w->stride[1] + l * w->dilation[1] - w->padding[1];
      const int is_inside = i < w->sample[0] && j < w->sample[1];
      for (size_t c = first; c < first + channels; ++c) {
        const size_t at = last ? (i * w->sample[1] + j) * w->channels + c : (c * w->sample[0] + i) * w->sample[1] + j;
        patch[e] = (int16_t)(is_inside ? x[at] : zero);
        ++e;
      }
    }
  }
  for (; e % 4 != 0; ++e) {
    patch[e] = 0;
  }
}

/* The sums of all results at one place. Of each group the weights are [fours, results of the group, 4] in panels of 128 columns
 * (`wide`) and a rest (`narrow`), as for products; the bias of each group is padded to fours. */
MODEL_INLINE void model_int16_conv2d(const model_window *const w, const int last, const int16_t zero, const size_t results,
    const size_t groups, const int bits, const size_t row, const size_t column, const int16_t *const restrict x,
    const MODEL_TABLE int8_t *const restrict wide, const MODEL_TABLE int8_t *const restrict narrow,
    const MODEL_TABLE int32_t *const restrict bias, int16_t *const restrict patch, int32_t *const restrict sums) {
  const size_t own = results / groups, channels = w->channels / groups;
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  const size_t inputs = (w->size[0] * w->size[1] * channels + 3) / 4 * 4;
  for (size_t g = 0; g < groups; ++g) {
    model_int16_patch(w, last, zero, g * channels, channels, row, column, x, patch);
    model_int16_columns(inputs, own, bits, patch, wide + g * inputs * split, narrow + g * inputs * padded,
        bias + g * (split + padded), sums + g * own);
  }
}

#endif

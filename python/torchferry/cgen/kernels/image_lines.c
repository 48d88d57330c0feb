#ifndef MODEL_KERNEL_IMAGE_LINES
#define MODEL_KERNEL_IMAGE_LINES

#include "line_width.c"

/* ---- Rows of an image, channels last, as windows read them -------------------------------------------------------
 * `lines` keeps as many rows as the window has, each with the padding beside it. Without them (`direct`) windows read the
 * sample itself: they all lie inside of it, and its channels are last. */

/* Where row `k` of the windows of a row of results begins. */
MODEL_INLINE const float *model_line_of(
    const model_window *const w, const int direct, const size_t row, const size_t k, const float *const x) {
  const size_t at = row * w->stride[0] + k * w->dilation[0];
  if (direct) {
    return x + at * w->sample[1] * w->channels;
  }
  return x + (w->dilation[0] == 1 ? at % w->size[0] : k) * model_line_width(w) * w->channels;
}

#endif

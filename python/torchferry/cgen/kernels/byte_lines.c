#ifndef MODEL_KERNEL_BYTE_LINES
#define MODEL_KERNEL_BYTE_LINES

#include "window.c"

/* ---- Rows of an image of bytes, channels last, as windows read them -------------------------------------------------
 * Lines, or the sample itself (`direct`), as of floats. Behind each line there are at least three bytes more: runs are read in
 * fours. */

/* Bytes from one line to the next. */
MODEL_INLINE size_t model_byte_line(const model_window *const w) {
  const size_t width = (w->results[1] - 1) * w->stride[1] + (w->size[1] - 1) * w->dilation[1] + 1;
  return (width * w->channels + 6) / 4 * 4;
}

/* Where row `k` of the windows of a row of results begins. */
MODEL_INLINE const uint8_t *model_byte_line_of(
    const model_window *const w, const int direct, const size_t row, const size_t k, const uint8_t *const x) {
  const size_t at = row * w->stride[0] + k * w->dilation[0];
  if (direct) {
    return x + at * w->sample[1] * w->channels;
  }
  return x + (w->dilation[0] == 1 ? at % w->size[0] : k) * model_byte_line(w);
}

#endif

#ifndef MODEL_KERNEL_FILL_LINES
#define MODEL_KERNEL_FILL_LINES

#include "fill_line.c"
#include "image_lines.c"

/* Fills the lines that the windows of a row of results need and those of the row before it did not. */
MODEL_INLINE void model_fill_lines(
    const model_window *const w, const int last, const size_t row, const float *const restrict x, float *const restrict lines) {
  const size_t line = model_line_width(w) * w->channels;
  if (w->dilation[0] > 1) {
    for (size_t k = 0; k < w->size[0]; ++k) {
      model_fill_line(w, last, row * w->stride[0] + k * w->dilation[0], x, lines + k * line);
    }
    return;
  }
  const size_t end = row * w->stride[0] + w->size[0];
  const size_t kept = w->size[0] > w->stride[0] && row > 0 ? w->size[0] - w->stride[0] : 0;
  for (size_t at = row * w->stride[0] + kept; at < end; ++at) {
    model_fill_line(w, last, at, x, lines + at % w->size[0] * line);
  }
}

#endif

#ifndef MODEL_KERNEL_LINE_WIDTH
#define MODEL_KERNEL_LINE_WIDTH

#include "window.c"

/* Columns that the windows of one row of results reach. */
MODEL_INLINE size_t model_line_width(const model_window *const w) {
  return (w->results[1] - 1) * w->stride[1] + (w->size[1] - 1) * w->dilation[1] + 1;
}

#endif

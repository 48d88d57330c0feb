#ifndef MODEL_KERNEL_WINDOW_REACH
#define MODEL_KERNEL_WINDOW_REACH

#include "window.c"

/* The results [first, after) whose position at `tap` of the window lies inside the sample. */
MODEL_INLINE void model_window_reach(
    const model_window *const w, const int axis, const size_t tap, size_t *const first, size_t *const after) {
  const size_t at = tap * w->dilation[axis], padding = w->padding[axis], stride = w->stride[axis];
  const size_t end = w->sample[axis] + padding; /* result * stride + at must be in [padding, end) */
  *first = at >= padding ? 0 : (padding - at + stride - 1) / stride;
  *after = at >= end ? 0 : (end - at - 1) / stride + 1;
  *after = *after < w->results[axis] ? *after : w->results[axis];
}

#endif

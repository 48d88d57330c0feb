#ifndef MODEL_KERNEL_AVG_POOL2D_COUNT
#define MODEL_KERNEL_AVG_POOL2D_COUNT

#include "window.c"

/* How many positions of a window at `start` count: those inside the sample, or with `padded` also those in its padding. */
MODEL_INLINE size_t model_avg_pool2d_count(const model_window *const w, const int axis, const size_t start, const int padded) {
  const size_t padding = w->padding[axis], end = start + w->size[axis];
  const size_t last = w->sample[axis] + (padded ? 2 : 1) * padding;
  const size_t first = padded || start > padding ? start : padding;
  return (end < last ? end : last) - first;
}

#endif

#ifndef MODEL_KERNEL_SOFTMAX_COLUMNS
#define MODEL_KERNEL_SOFTMAX_COLUMNS

#include "exp_columns.c"

/* y = e^(x - max x) / sum for each column of [width, columns]; `room` is for nine numbers a column of a block. */
MODEL_INLINE void model_softmax_columns(const size_t width, const size_t columns, const float *const restrict x,
    float *const restrict y, float *const restrict room) {
  for (size_t first = 0; first < columns; first += MODEL_BLOCK) {
    const size_t wide = columns - first < MODEL_BLOCK ? columns - first : MODEL_BLOCK;
    float *const sums = room + wide;
    model_exp_columns(width, columns, wide, x + first, y + first, room, sums);
    for (size_t j = 0; j < width; ++j) {
      for (size_t c = 0; c < wide; ++c) {
        y[j * columns + first + c] /= sums[c];
      }
    }
  }
}

#endif

#ifndef MODEL_KERNEL_LOG_SOFTMAX_COLUMNS
#define MODEL_KERNEL_LOG_SOFTMAX_COLUMNS

#include "exp_columns.c"
#include "log.c"

/* y = (x - max x) - log(sum of e^(x - max x)) for each column of [width, columns]; `room` as in softmax_columns. */
MODEL_INLINE void model_log_softmax_columns(const size_t width, const size_t columns, const float *const restrict x,
    float *const restrict y, float *const restrict room) {
  for (size_t first = 0; first < columns; first += MODEL_BLOCK) {
    const size_t wide = columns - first < MODEL_BLOCK ? columns - first : MODEL_BLOCK;
    float *const sums = room + wide;
    model_exp_columns(width, columns, wide, x + first, y + first, room, sums);
    for (size_t c = 0; c < wide; ++c) {
      sums[c] = model_log(sums[c]);
    }
    for (size_t j = 0; j < width; ++j) {
      for (size_t c = 0; c < wide; ++c) {
        y[j * columns + first + c] = (x[j * columns + first + c] - room[c]) - sums[c];
      }
    }
  }
}

#endif

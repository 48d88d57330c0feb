#ifndef MODEL_KERNEL_RESAMPLE2D
#define MODEL_KERNEL_RESAMPLE2D

#include "compiler.c"

/* The sum of `count` elements at[] of a line times weights: from +0, in their order. */
MODEL_INLINE float model_resample_line(
    const size_t count, const MODEL_TABLE uint16_t *const at, const MODEL_TABLE float *const weights, const float *const line) {
  float sum = 0.0f;
  for (size_t k = 0; k < count; ++k) {
    sum += weights[k] * line[at[k]];
  }
  return sum;
}

/* y [channels, rows, columns] from x [channels, height, width]: each result is a weighted sum of `row_taps` rows, of each of
 * which it takes a weighted sum of `column_taps` elements. Both sums start at +0. */
MODEL_INLINE void model_resample2d(const size_t channels, const size_t height, const size_t width, const size_t rows,
    const size_t columns, const size_t row_taps, const size_t column_taps, const float *const restrict x,
    const MODEL_TABLE uint16_t *const row_at, const MODEL_TABLE float *const row_weights,
    const MODEL_TABLE uint16_t *const column_at, const MODEL_TABLE float *const column_weights, float *const restrict y) {
  for (size_t r = 0; r < channels * rows; ++r) {
    const size_t channel = r / rows, row = r % rows;
    for (size_t j = 0; j < columns; ++j) {
      float sum = 0.0f;
      for (size_t k = 0; k < row_taps; ++k) {
        const float *const line = x + (channel * height + row_at[row * row_taps + k]) * width;
        sum += row_weights[row * row_taps + k] *
               model_resample_line(column_taps, column_at + j * column_taps, column_weights + j * column_taps, line);
      }
      y[r * columns + j] = sum;
    }
  }
}

#endif

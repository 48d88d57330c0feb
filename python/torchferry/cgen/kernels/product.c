#ifndef MODEL_KERNEL_PRODUCT
#define MODEL_KERNEL_PRODUCT

#include "unroll.c"
#include "vectors.c"

#if MODEL_LANES > 1
/* One vector of columns of `rows` rows, whose sums stay in registers. */
MODEL_INLINE MODEL_WIDE void model_product_tile(const int rows, const size_t count, const size_t columns, const float *const a,
    const float *const b, float *const restrict y) {
  model_vector sums[8];
  MODEL_UNROLL for (int r = 0; r < rows; ++r) { sums[r] = (model_vector){0.0f}; }
  for (size_t k = 0; k < count; ++k) {
    const model_vector value = MODEL_VECTOR(b + k * columns);
    MODEL_UNROLL for (int r = 0; r < rows; ++r) { sums[r] += a[(size_t)r * count + k] * value; }
  }
  MODEL_UNROLL for (int r = 0; r < rows; ++r) { *(model_vector *)(y + (size_t)r * columns) = sums[r]; }
}
#endif

/* y[rows, columns] = a[rows, count] b[count, columns]: each sum starts at +0 and takes its products in their order. */
MODEL_INLINE MODEL_WIDE void model_product(const size_t rows, const size_t count, const size_t columns, const float *const a,
    const float *const b, float *const restrict y) {
  size_t first = 0;
#if MODEL_LANES > 1
  for (; first + MODEL_LANES <= columns; first += MODEL_LANES) {
    size_t i = 0;
    for (; i + 8 <= rows; i += 8) {
      model_product_tile(8, count, columns, a + i * count, b + first, y + i * columns + first);
    }
    for (; i < rows; ++i) {
      model_product_tile(1, count, columns, a + i * count, b + first, y + i * columns + first);
    }
  }
#endif
  for (size_t i = 0; first < columns && i < rows; ++i) {
    for (size_t j = first; j < columns; ++j) {
      y[i * columns + j] = 0.0f;
    }
    for (size_t k = 0; k < count; ++k) {
      const float value = a[i * count + k];
      for (size_t j = first; j < columns; ++j) {
        y[i * columns + j] += value * b[k * columns + j];
      }
    }
  }
}

#endif

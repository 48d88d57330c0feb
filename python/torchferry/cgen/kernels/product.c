#ifndef MODEL_KERNEL_PRODUCT
#define MODEL_KERNEL_PRODUCT

#include "compiler.c"

/* y[rows, columns] = a[rows, count] b[count, columns]: each sum starts at +0 and takes its products in their order. */
MODEL_INLINE void model_product(const size_t rows, const size_t count, const size_t columns, const float *const a,
    const float *const b, float *const restrict y) {
  for (size_t i = 0; i < rows; ++i) {
    for (size_t j = 0; j < columns; ++j) {
      y[i * columns + j] = 0.0f;
    }
    for (size_t k = 0; k < count; ++k) {
      const float value = a[i * count + k];
      for (size_t j = 0; j < columns; ++j) {
        y[i * columns + j] += value * b[k * columns + j];
      }
    }
  }
}

#endif

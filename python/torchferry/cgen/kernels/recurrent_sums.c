#ifndef MODEL_KERNEL_RECURRENT_SUMS
#define MODEL_KERNEL_RECURRENT_SUMS

#include "unroll.c"
#include "vectors.c"

#if MODEL_LANES > 1
/* `vectors` vectors of sums beside each other, which stay in registers over all of h. */
MODEL_INLINE MODEL_WIDE void model_recurrent_tile(const int vectors, const size_t hidden, const size_t columns,
    const float *const restrict h, const float *restrict weights, const float *const restrict bias,
    float *const restrict sums) {
  model_vector a[8];
  MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[v] = (model_vector){0.0f}; }
  for (size_t i = 0; i < hidden; ++i, weights += columns) {
    MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[v] += h[i] * MODEL_VECTOR(weights + v * MODEL_LANES); }
  }
  MODEL_UNROLL for (int v = 0; v < vectors; ++v) {
    *(model_vector *)(sums + v * MODEL_LANES) = a[v] + MODEL_VECTOR(bias + v * MODEL_LANES);
  }
}

/* The columns that make whole vectors, in eights, fours and single ones. */
MODEL_INLINE MODEL_WIDE void model_recurrent_vectors(const size_t hidden, const size_t columns, const float *const restrict h,
    const float *const restrict weights, const float *const restrict bias, float *const restrict sums) {
  size_t j = 0;
  for (; j + 8 * MODEL_LANES <= columns; j += 8 * MODEL_LANES) {
    model_recurrent_tile(8, hidden, columns, h, weights + j, bias + j, sums + j);
  }
  for (; j + 4 * MODEL_LANES <= columns; j += 4 * MODEL_LANES) {
    model_recurrent_tile(4, hidden, columns, h, weights + j, bias + j, sums + j);
  }
  for (; j + MODEL_LANES <= columns; j += MODEL_LANES) {
    model_recurrent_tile(1, hidden, columns, h, weights + j, bias + j, sums + j);
  }
}
#endif

/* sums[columns] = bias + h[hidden] weights [hidden, columns]: each sum starts at +0, in the order of h; the bias comes last. */
MODEL_INLINE MODEL_WIDE void model_recurrent_sums(const size_t hidden, const size_t columns, const float *const restrict h,
    const MODEL_TABLE float *const restrict weights, const MODEL_TABLE float *const restrict bias, float *const restrict sums) {
#if MODEL_LANES > 1
  const size_t first = columns - columns % MODEL_LANES; /* a constant where sizes are: gcc warns of loops over no rest */
  model_recurrent_vectors(hidden, columns, h, weights, bias, sums);
#else
  const size_t first = 0;
#endif
  for (size_t j = first; j < columns; ++j) {
    sums[j] = 0.0f;
  }
  for (size_t i = 0; i < hidden; ++i) {
    for (size_t j = first; j < columns; ++j) {
      sums[j] += h[i] * weights[i * columns + j];
    }
  }
  for (size_t j = first; j < columns; ++j) {
    sums[j] += bias[j];
  }
}

#endif

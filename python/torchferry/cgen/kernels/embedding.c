#ifndef MODEL_KERNEL_EMBEDDING
#define MODEL_KERNEL_EMBEDDING

#include "compiler.c"

/* y = row `index` of a table [rows, width]; an index outside counts as the nearest one inside. */
MODEL_INLINE void model_embedding(const size_t rows, const size_t width, const int64_t index,
    const MODEL_TABLE float *const restrict table, float *const restrict y) {
  const size_t row = index < 0 ? 0 : (uint64_t)index < rows ? (size_t)index : rows - 1;
  for (size_t j = 0; j < width; ++j) {
    y[j] = table[row * width + j];
  }
}

#endif

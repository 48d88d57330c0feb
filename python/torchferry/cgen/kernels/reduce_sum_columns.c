#ifndef MODEL_KERNEL_REDUCE_SUM_COLUMNS
#define MODEL_KERNEL_REDUCE_SUM_COLUMNS

#include "reduce_sum.c"
#include "unroll.c"
#include "vectors.c"

/* y[columns] = the sums of x [count, columns] along the columns, each as reduce_sum has it. */
MODEL_INLINE MODEL_WIDE void model_reduce_sum_columns(
    const size_t count, const size_t columns, const float *const restrict x, float *const restrict y) {
  size_t c = 0;
#if MODEL_LANES > 1
  for (; c + MODEL_LANES <= columns; c += MODEL_LANES) {
    model_vector a[8];
    MODEL_UNROLL for (size_t s = 0; s < 8; ++s) { a[s] = (model_vector){0.0f}; }
    size_t j = 0;
    for (; j + 8 <= count; j += 8) {
      MODEL_UNROLL for (size_t s = 0; s < 8; ++s) { a[s] += MODEL_VECTOR(x + (j + s) * columns + c); }
    }
    MODEL_UNROLL for (size_t s = 0; s < 7; ++s) {
      if (j + s < count) {
        a[s] += MODEL_VECTOR(x + (j + s) * columns + c);
      }
    }
    *(model_vector *)(y + c) = ((a[0] + a[4]) + (a[2] + a[6])) + ((a[1] + a[5]) + (a[3] + a[7]));
  }
#endif
  for (; c < columns; ++c) {
    y[c] = model_reduce_sum(count, columns, x + c);
  }
}

#endif

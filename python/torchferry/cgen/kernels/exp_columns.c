#ifndef MODEL_KERNEL_EXP_COLUMNS
#define MODEL_KERNEL_EXP_COLUMNS

#include "exp_falling.c"

#define MODEL_BLOCK 64 /* columns at a time */

/* largest[c] = the largest element of a column, by the rule of model_largest; `wide` columns lie beside each other. */
MODEL_APART static void model_largest_columns(
    const size_t width, const size_t columns, const size_t wide, const float *const restrict x, float *const restrict largest) {
  for (size_t c = 0; c < wide; ++c) {
    largest[c] = x[c];
  }
  for (size_t j = 1; j < width; ++j) {
    for (size_t c = 0; c < wide; ++c) {
      const float value = x[j * columns + c];
      largest[c] = largest[c] < value ? value : largest[c];
    }
  }
  for (size_t c = 0; c < wide; ++c) {
    largest[c] += 0.0f; /* one sign of zero, whichever of two was taken */
  }
}

/* y[c] = e^(x - largest[c]), which is added to sums[c]. */
MODEL_APART static void model_exp_beside(const size_t wide, const float *const restrict x, const float *const restrict largest,
    float *const restrict y, float *const restrict sums) {
  for (size_t c = 0; c < wide; ++c) {
    y[c] = model_exp_falling(x[c] - largest[c]);
    sums[c] += y[c];
  }
}

/* y = e^(x - the largest of its column); largest[c], and sums[c], the sum of the powers of a column, ordered as in reduce_sum.
 * `largest` has room for `wide` floats, `sums` for eight times as many. */
MODEL_INLINE void model_exp_columns(const size_t width, const size_t columns, const size_t wide, const float *const restrict x,
    float *const restrict y, float *const restrict largest, float *const restrict sums) {
  model_largest_columns(width, columns, wide, x, largest);
  for (size_t c = 0; c < 8 * wide; ++c) {
    sums[c] = 0.0f;
  }
  for (size_t j = 0; j < width; ++j) {
    model_exp_beside(wide, x + j * columns, largest, y + j * columns, sums + j % 8 * wide);
  }
  for (size_t lanes = 4; lanes > 0; lanes /= 2) {
    for (size_t c = 0; c < lanes * wide; ++c) {
      sums[c] += sums[lanes * wide + c];
    }
  }
}

#endif

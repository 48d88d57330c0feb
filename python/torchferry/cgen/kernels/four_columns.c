#ifndef MODEL_KERNEL_FOUR_COLUMNS
#define MODEL_KERNEL_FOUR_COLUMNS

#include "columns.c"

/* ---- The same for four samples at once: a weight that has been loaded serves all four ---------------------------- */

#if MODEL_LANES > 1
#if MODEL_LANES == 16 || defined(__aarch64__)
#define MODEL_FOUR_TILE 6 /* 32 vector registers */
#else
#define MODEL_FOUR_TILE 2 /* 16 vector registers */
#endif

/* `vectors` vectors of a panel. */
MODEL_INLINE MODEL_WIDE void model_four_tile(const int vectors, const size_t count, const float *const x[4],
    const float *const restrict wide, const size_t width, const float *const restrict bias, float *const y[4],
    const size_t at) {
  model_vector a[4][MODEL_FOUR_TILE];
  for (int r = 0; r < 4; ++r) {
    for (int t = 0; t < vectors; ++t) {
      a[r][t] = (model_vector){0.0f};
    }
  }
  for (size_t i = 0; i < count; ++i) {
    for (int t = 0; t < vectors; ++t) {
      const model_vector w = MODEL_VECTOR(wide + i * width + t * MODEL_LANES);
      for (int r = 0; r < 4; ++r) {
        a[r][t] += x[r][i] * w;
      }
    }
  }
  for (int r = 0; r < 4; ++r) {
    for (int t = 0; t < vectors; ++t) {
      *(model_vector *)(y[r] + at + t * MODEL_LANES) = a[r][t] + MODEL_VECTOR(bias + t * MODEL_LANES);
    }
  }
}

/* One panel of columns, from `start`. */
MODEL_INLINE MODEL_WIDE void model_four_panel(const size_t count, const float *const x[4], const float *const restrict wide,
    const size_t width, const float *const restrict bias, float *const y[4], const size_t start) {
  const int vectors = (int)(width / MODEL_LANES);
  const int tiles = (vectors + MODEL_FOUR_TILE - 1) / MODEL_FOUR_TILE;
  const int tile = tiles > 0 ? (vectors + tiles - 1) / tiles : 0;
  for (int t = 0; t + 1 < tiles; ++t) {
    const size_t at = (size_t)(t * tile) * MODEL_LANES;
    model_four_tile(tile, count, x, wide + at, width, bias + at, y, start + at);
  }
  const size_t at = (size_t)(tiles > 0 ? tiles - 1 : 0) * (size_t)tile * MODEL_LANES;
  model_four_tile((int)((width - at) / MODEL_LANES), count, x, wide + at, width, bias + at, y, start + at);
}

/* The `columns` narrow columns, from `start`: apart, since together with a tile they would not fit the registers. */
MODEL_INLINE void model_four_narrow(const size_t columns, const size_t count, const float *const x[4],
    const float *const restrict narrow, const float *const restrict bias, float *const y[4], const size_t start) {
  const size_t quads = (columns + 3) / 4;
  model_quad q[4][4];
  for (int r = 0; r < 4; ++r) {
    for (size_t t = 0; t < quads; ++t) {
      q[r][t] = (model_quad){0.0f};
    }
  }
  for (size_t i = 0; i < count; ++i) {
    for (size_t t = 0; t < quads; ++t) {
      const model_quad w = MODEL_QUAD(narrow + (i * quads + t) * 4);
      for (int r = 0; r < 4; ++r) {
        q[r][t] += x[r][i] * w;
      }
    }
  }
  for (int r = 0; r < 4; ++r) {
    for (size_t t = 0; t < quads; ++t) {
      const model_quad sum = q[r][t] + MODEL_QUAD(bias + t * 4);
      for (size_t j = t * 4; j < columns && j < t * 4 + 4; ++j) {
        y[r][start + j] = sum[j % 4];
      }
    }
  }
}

MODEL_INLINE MODEL_WIDE void model_four_columns(const size_t inputs, const size_t outputs, const float *const x[4],
    const float *const restrict wide, const float *const restrict narrow, const float *const restrict bias, float *const y[4]) {
  const size_t split = outputs / 16 * 16;
  const size_t last = split % MODEL_PANEL == 0 && split > 0 ? MODEL_PANEL : split % MODEL_PANEL; /* columns of the last panel */
  const size_t whole = split - last;
  for (size_t start = 0; start < whole; start += MODEL_PANEL) {
    model_four_panel(inputs, x, wide + start * inputs, MODEL_PANEL, bias + start, y, start);
  }
  model_four_panel(inputs, x, wide + whole * inputs, last, bias + whole, y, whole);
  model_four_narrow(outputs - split, inputs, x, narrow, bias + split, y, split);
}
#else
static inline void model_four_columns(const size_t inputs, const size_t outputs, const float *const x[4],
    const MODEL_TABLE float *const restrict wide, const MODEL_TABLE float *const restrict narrow,
    const MODEL_TABLE float *const restrict bias, float *const y[4]) {
  for (int r = 0; r < 4; ++r) {
    model_columns(inputs, outputs, 1, 1, 1, inputs, x[r], NULL, wide, narrow, bias, y[r]);
  }
}
#endif

#endif

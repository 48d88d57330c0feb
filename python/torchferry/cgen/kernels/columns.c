#ifndef MODEL_KERNEL_COLUMNS
#define MODEL_KERNEL_COLUMNS

#include "panel.c"
#include "vectors.c"

/* ---- Matrix products: inputs outer, outputs inner --------------------------------------------------------------- */

#if MODEL_LANES > 1
/* Vectors of sums in registers. */
#if defined(__OPTIMIZE__)
#define MODEL_TILE 8
#else
#define MODEL_TILE 4 /* there are no registers: each is memory of the stack */
#endif

/* Sums for `vectors` vectors of a wide panel and `quads` quads of narrow columns. Input i goes to partial sum i mod `sums`;
 * these are added pairwise and the bias last. `rows` names the row of each input, NULL: x[i] belongs to row i. Of inputs that
 * come in parts, `begins` says that these are the first, `ends` that they are the last; before that y has the sum so far. */
MODEL_INLINE MODEL_WIDE void model_tile(const int vectors, const int quads, const int sums, const int begins, const int ends,
    const size_t count, const float *const restrict x, const uint32_t *const restrict rows, const float *const restrict wide,
    const size_t width, const float *const restrict narrow, const float *const restrict bias, float *const restrict y,
    const float *const restrict narrow_bias, float *const restrict narrow_y, const size_t narrow_columns) {
  model_vector a[4][MODEL_TILE];
  model_quad q[4][4];
  for (int s = 0; s < sums; ++s) {
    for (int t = 0; t < vectors; ++t) {
      a[s][t] = (model_vector){0.0f};
    }
    for (int t = 0; t < quads; ++t) {
      q[s][t] = (model_quad){0.0f};
    }
  }
  if (!begins) {
    for (int t = 0; t < vectors; ++t) {
      a[0][t] = MODEL_VECTOR(y + t * MODEL_LANES);
    }
    for (int t = 0; t < quads; ++t) {
      for (size_t j = (size_t)t * 4; j < narrow_columns && j < (size_t)t * 4 + 4; ++j) {
        q[0][t][j % 4] = narrow_y[j];
      }
    }
  }
  for (size_t i = 0; i < count; i += (size_t)sums) {
    for (int s = 0; s < sums; ++s) {
      if (s == 0 || i + (size_t)s < count) {
        const float value = x[i + (size_t)s];
        const size_t row = rows != NULL ? rows[i + (size_t)s] : i + (size_t)s;
        for (int t = 0; t < vectors; ++t) {
          a[s][t] += value * MODEL_VECTOR(wide + row * width + t * MODEL_LANES);
        }
        for (int t = 0; t < quads; ++t) {
          q[s][t] += value * MODEL_QUAD(narrow + (row * (size_t)quads + (size_t)t) * 4);
        }
      }
    }
  }
  for (int half = sums / 2; half > 0; half /= 2) {
    for (int s = 0; s < half; ++s) {
      for (int t = 0; t < vectors; ++t) {
        a[s][t] += a[s + half][t];
      }
      for (int t = 0; t < quads; ++t) {
        q[s][t] += q[s + half][t];
      }
    }
  }
  if (ends) {
    for (int t = 0; t < vectors; ++t) {
      a[0][t] += MODEL_VECTOR(bias + t * MODEL_LANES);
    }
    for (int t = 0; t < quads; ++t) {
      q[0][t] += MODEL_QUAD(narrow_bias + t * 4);
    }
  }
  for (int t = 0; t < vectors; ++t) {
    *(model_vector *)(y + t * MODEL_LANES) = a[0][t];
  }
  for (int t = 0; t < quads; ++t) {
    for (size_t j = (size_t)t * 4; j < narrow_columns && j < (size_t)t * 4 + 4; ++j) {
      narrow_y[j] = q[0][t][j % 4];
    }
  }
}

/* One panel of columns, and the narrow columns together with its last tile. */
MODEL_INLINE MODEL_WIDE void model_panel(const int sums, const int begins, const int ends, const size_t count,
    const float *const restrict x, const uint32_t *const restrict rows, const float *const restrict wide, const size_t width,
    const float *const restrict bias, float *const restrict y, const float *const restrict narrow,
    const float *const restrict narrow_bias, float *const restrict narrow_y, const size_t narrow_columns) {
  const int most = sums == 1 ? MODEL_TILE : MODEL_TILE / 2;
  const int vectors = (int)(width / MODEL_LANES);
  const int tiles = vectors > most ? (vectors + most - 1) / most : 1;
  const int tile = (vectors + tiles - 1) / tiles;
  const int quads = (int)((narrow_columns + 3) / 4);
  for (int t = 0; t + 1 < tiles; ++t) {
    const size_t at = (size_t)(t * tile) * MODEL_LANES;
    model_tile(
        tile, 0, sums, begins, ends, count, x, rows, wide + at, width, narrow, bias + at, y + at, narrow_bias, narrow_y, 0);
  }
  const size_t at = (size_t)((tiles - 1) * tile) * MODEL_LANES;
  model_tile(vectors - (tiles - 1) * tile, quads, sums, begins, ends, count, x, rows, wide + at, width, narrow, bias + at,
      y + at, narrow_bias, narrow_y, narrow_columns);
}

/* y[outputs] = bias + x table, or one part of that */
MODEL_INLINE MODEL_WIDE void model_columns(const size_t inputs, const size_t outputs, const int sums, const int begins,
    const int ends, const size_t count, const float *const restrict x, const uint32_t *const restrict rows,
    const float *const restrict wide, const float *const restrict narrow, const float *const restrict bias,
    float *const restrict y) {
  const size_t split = outputs / 16 * 16;
  const size_t last = split % MODEL_PANEL == 0 && split > 0 ? MODEL_PANEL : split % MODEL_PANEL; /* columns of the last panel */
  const size_t whole = split - last;
  for (size_t start = 0; start < whole; start += MODEL_PANEL) {
    model_panel(
        sums, begins, ends, count, x, rows, wide + start * inputs, MODEL_PANEL, bias + start, y + start, narrow, bias, y, 0);
  }
  model_panel(sums, begins, ends, count, x, rows, wide + whole * inputs, last, bias + whole, y + whole, narrow, bias + split,
      y + split, outputs - split);
}
#else
/* Eight or four columns of one partial sum: inputs first, first + sums, ..., added to what `sum` has. */
MODEL_INLINE void model_block(const size_t columns, const int sums, const size_t first, const size_t count,
    const float *const restrict x, const uint32_t *const restrict rows, const MODEL_TABLE float *const restrict table,
    const size_t width, float *const restrict sum) {
  float a = sum[0], b = sum[1], c = sum[2], d = sum[3], e = sum[4], f = sum[5], g = sum[6], h = sum[7];
  for (size_t i = first; i < count; i += (size_t)sums) {
    const float value = x[i];
    const MODEL_TABLE float *const w = table + (rows != NULL ? rows[i] : i) * width;
    a += value * w[0];
    b += value * w[1];
    c += value * w[2];
    d += value * w[3];
    if (columns == 8) {
      e += value * w[4];
      f += value * w[5];
      g += value * w[6];
      h += value * w[7];
    }
  }
  sum[0] = a;
  sum[1] = b;
  sum[2] = c;
  sum[3] = d;
  sum[4] = e;
  sum[5] = f;
  sum[6] = g;
  sum[7] = h;
}

/* y[0 .. used) of a block of columns: its partial sums added pairwise, and the bias last. */
MODEL_INLINE void model_tile(const size_t columns, const size_t used, const int sums, const int begins, const int ends,
    const size_t count, const float *const restrict x, const uint32_t *const restrict rows,
    const MODEL_TABLE float *const restrict table, const size_t width, const MODEL_TABLE float *const restrict bias,
    float *const restrict y) {
  float partial[4][8];
  for (int s = 0; s < sums; ++s) {
    for (size_t j = 0; j < 8; ++j) {
      partial[s][j] = s == 0 && !begins && j < used ? y[j] : 0.0f;
    }
  }
  for (int s = 0; s < sums; ++s) {
    model_block(columns, sums, (size_t)s, count, x, rows, table, width, partial[s]);
  }
  for (int half = sums / 2; half > 0; half /= 2) {
    for (int s = 0; s < half; ++s) {
      for (size_t j = 0; j < columns; ++j) {
        partial[s][j] += partial[s + half][j];
      }
    }
  }
  for (size_t j = 0; j < used; ++j) {
    y[j] = ends ? partial[0][j] + bias[j] : partial[0][j];
  }
}

/* y[outputs] = bias + x table, or one part of that. Input i goes to partial sum i mod `sums`; these are added pairwise and the
 * bias last. `rows` names the row of each input, NULL: x[i] belongs to row i. Of inputs that come in parts, `begins` says that
 * these are the first, `ends` that they are the last; before that y has the sum so far. */
static void model_columns(const size_t inputs, const size_t outputs, const int sums, const int begins, const int ends,
    const size_t count, const float *const restrict x, const uint32_t *const restrict rows,
    const MODEL_TABLE float *const restrict wide, const MODEL_TABLE float *const restrict narrow,
    const MODEL_TABLE float *const restrict bias, float *const restrict y) {
  const size_t split = outputs / 16 * 16;
  const size_t padded = (outputs - split + 3) / 4 * 4;
  for (size_t j = 0; j < split; j += 8) {
    const size_t start = j / MODEL_PANEL * MODEL_PANEL;
    const size_t width = split - start < MODEL_PANEL ? split - start : MODEL_PANEL;
    model_tile(8, 8, sums, begins, ends, count, x, rows, wide + start * inputs + (j - start), width, bias + j, y + j);
  }
  for (size_t j = split; j < outputs; j += 4) {
    model_tile(4, outputs - j < 4 ? outputs - j : 4, sums, begins, ends, count, x, rows, narrow + (j - split), padded, bias + j,
        y + j);
  }
}
#endif

#endif

"""C99 text of the matrix products of one sample: columns in vectors or scalars, and dot products."""

from __future__ import annotations

from torchferry.cgen.four_snippets import FOUR
from torchferry.cgen.snippets import Snippet

VECTORS = """\
/* ---- Vectors ------------------------------------------------------------------------------------------------------
 * The width follows the target (-march, -mcpu, -msimd128); the results do not. One lane: plain C, for everything else.
 * 32-bit ARM stays scalar: its vectors flush subnormal numbers to zero. */
#if !defined(__GNUC__)
#define MODEL_LANES 1
#elif defined(__AVX512F__)
#define MODEL_LANES 16
#elif defined(__AVX__)
#define MODEL_LANES 8
#elif defined(__SSE2__) || defined(__aarch64__) || defined(__wasm_simd128__)
#define MODEL_LANES 4
#else
#define MODEL_LANES 1
#endif

#if MODEL_LANES > 1
typedef float model_vector __attribute__((vector_size(4 * MODEL_LANES), aligned(4), may_alias));
typedef float model_quad __attribute__((vector_size(16), aligned(4), may_alias));
#define MODEL_VECTOR(p) (*(const model_vector *)(p))
#define MODEL_QUAD(p) (*(const model_quad *)(p))
#endif
#if defined(__clang__) && MODEL_LANES == 16
#define MODEL_WIDE __attribute__((min_vector_width(512)))
#else
#define MODEL_WIDE
#endif
"""

COLUMNS_VECTOR = """\
/* ---- Matrix products: inputs outer, outputs inner --------------------------------------------------------------- */

#if MODEL_LANES > 1
#define MODEL_TILE 8 /* vectors of sums in registers */

/* Sums for `vectors` vectors of a wide panel and `quads` quads of narrow columns. Input i goes to partial sum i mod `sums`; these
 * are added pairwise and the bias last. `rows` names the row of each input, NULL: x[i] belongs to row i. */
MODEL_INLINE MODEL_WIDE void model_tile(const int vectors, const int quads, const int sums, const size_t count,
    const float *const restrict x, const model_row *const restrict rows,
    const float *const restrict wide, const size_t width, const float *const restrict narrow,
    const float *const restrict bias, float *const restrict y, const float *const restrict narrow_bias,
    float *const restrict narrow_y, const size_t narrow_columns) {
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
  for (int t = 0; t < vectors; ++t) {
    *(model_vector *)(y + t * MODEL_LANES) = a[0][t] + MODEL_VECTOR(bias + t * MODEL_LANES);
  }
  for (int t = 0; t < quads; ++t) {
    const model_quad sum = q[0][t] + MODEL_QUAD(narrow_bias + t * 4);
    for (size_t j = (size_t)t * 4; j < narrow_columns && j < (size_t)t * 4 + 4; ++j) {
      narrow_y[j] = sum[j % 4];
    }
  }
}

/* One panel of columns, and the narrow columns together with its last tile. */
MODEL_INLINE MODEL_WIDE void model_panel(const int sums, const size_t count, const float *const restrict x,
    const model_row *const restrict rows, const float *const restrict wide, const size_t width,
    const float *const restrict bias, float *const restrict y, const float *const restrict narrow,
    const float *const restrict narrow_bias, float *const restrict narrow_y,
    const size_t narrow_columns) {
  const int most = sums == 1 ? MODEL_TILE : MODEL_TILE / 2;
  const int vectors = (int)(width / MODEL_LANES);
  const int tiles = vectors > most ? (vectors + most - 1) / most : 1;
  const int tile = (vectors + tiles - 1) / tiles;
  const int quads = (int)((narrow_columns + 3) / 4);
  for (int t = 0; t + 1 < tiles; ++t) {
    const size_t at = (size_t)(t * tile) * MODEL_LANES;
    model_tile(tile, 0, sums, count, x, rows, wide + at, width, narrow, bias + at, y + at, narrow_bias, narrow_y, 0);
  }
  const size_t at = (size_t)((tiles - 1) * tile) * MODEL_LANES;
  model_tile(vectors - (tiles - 1) * tile, quads, sums, count, x, rows, wide + at, width, narrow, bias + at, y + at, narrow_bias,
             narrow_y, narrow_columns);
}

/* y[outputs] = bias + x table */
MODEL_INLINE MODEL_WIDE void model_columns(const size_t inputs, const size_t outputs, const int sums, const size_t count,
    const float *const restrict x, const model_row *const restrict rows,
    const float *const restrict wide, const float *const restrict narrow,
    const float *const restrict bias, float *const restrict y) {
  const size_t split = outputs / 16 * 16;
  const size_t last = split % MODEL_PANEL == 0 && split > 0 ? MODEL_PANEL : split % MODEL_PANEL; /* columns of the last panel */
  const size_t whole = split - last;
  for (size_t start = 0; start < whole; start += MODEL_PANEL) {
    model_panel(sums, count, x, rows, wide + start * inputs, MODEL_PANEL, bias + start, y + start, narrow, bias, y, 0);
  }
  model_panel(sums, count, x, rows, wide + whole * inputs, last, bias + whole, y + whole, narrow, bias + split, y + split,
              outputs - split);
}
#else
"""

COLUMNS_SCALAR = """\
/* Eight or four columns of one partial sum: inputs first, first + sums, ... */
MODEL_INLINE void model_block(const size_t columns, const int sums, const size_t first, const size_t count, const float *const restrict x,
    const model_row *const restrict rows, const float *const restrict table, const size_t width,
    float *const restrict sum) {
  float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f, e = 0.0f, f = 0.0f, g = 0.0f, h = 0.0f;
  for (size_t i = first; i < count; i += (size_t)sums) {
    const float value = x[i];
    const float *const w = table + (rows != NULL ? rows[i] : i) * width;
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
  if (columns == 8) {
    sum[4] = e;
    sum[5] = f;
    sum[6] = g;
    sum[7] = h;
  }
}

/* y[0 .. used) of a block of columns: its partial sums added pairwise, and the bias last. */
MODEL_INLINE void model_tile(const size_t columns, const size_t used, const int sums, const size_t count, const float *const restrict x,
    const model_row *const restrict rows, const float *const restrict table, const size_t width,
    const float *const restrict bias, float *const restrict y) {
  float partial[4][8];
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
    y[j] = partial[0][j] + bias[j];
  }
}

/* y[outputs] = bias + x table. Input i goes to partial sum i mod `sums`; these are added pairwise and the bias last. `rows` names
 * the row of each input, NULL: x[i] belongs to row i. */
static void model_columns(const size_t inputs, const size_t outputs, const int sums, const size_t count, const float *const restrict x,
    const model_row *const restrict rows, const float *const restrict wide, const float *const restrict narrow,
    const float *const restrict bias, float *const restrict y) {
  const size_t split = outputs / 16 * 16;
  const size_t padded = (outputs - split + 3) / 4 * 4;
  for (size_t j = 0; j < split; j += 8) {
    const size_t start = j / MODEL_PANEL * MODEL_PANEL;
    const size_t width = split - start < MODEL_PANEL ? split - start : MODEL_PANEL;
    model_tile(8, 8, sums, count, x, rows, wide + start * inputs + (j - start), width, bias + j, y + j);
  }
  for (size_t j = split; j < outputs; j += 4) {
    model_tile(4, outputs - j < 4 ? outputs - j : 4, sums, count, x, rows, narrow + (j - split), padded, bias + j, y + j);
  }
}
#endif
"""

DOT = """\
/* One output: sixteen partial sums over i mod 16, added pairwise, and the bias last. */
MODEL_INLINE MODEL_WIDE float model_dot(const size_t count, const float *const restrict x, const float *const restrict w, const float bias) {
  float sums[16] = {0.0f};
  size_t i = 0;
#if MODEL_LANES > 1
  model_vector a[16 / MODEL_LANES];
  for (int t = 0; t < 16 / MODEL_LANES; ++t) {
    a[t] = (model_vector){0.0f};
  }
  for (; i + 16 <= count; i += 16) {
    for (int t = 0; t < 16 / MODEL_LANES; ++t) {
      a[t] += MODEL_VECTOR(x + i + t * MODEL_LANES) * MODEL_VECTOR(w + i + t * MODEL_LANES);
    }
  }
  for (int t = 0; t < 16 / MODEL_LANES; ++t) {
    *(model_vector *)(sums + t * MODEL_LANES) = a[t];
  }
#else
  for (; i + 16 <= count; i += 16) {
    for (size_t s = 0; s < 16; ++s) {
      sums[s] += x[i + s] * w[i + s];
    }
  }
#endif
  for (size_t s = 0; i + s < count; ++s) {
    sums[s] += x[i + s] * w[i + s];
  }
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t s = 0; s < half; ++s) {
      sums[s] += sums[s + half];
    }
  }
  return sums[0] + bias;
}
"""

TO_FLOATS = """\
MODEL_INLINE void model_to_floats(const size_t count, const uint8_t *const restrict bytes, float *const restrict values) {
  for (size_t i = 0; i < count; ++i) {
    values[i] = (float)bytes[i];
  }
}
"""

PRODUCTS: dict[str, Snippet] = {
    "columns": Snippet(COLUMNS_VECTOR + COLUMNS_SCALAR),
    "four_columns": Snippet(FOUR, ("columns",)),
    "dot": Snippet(DOT),
    "to_floats": Snippet(TO_FLOATS),
}

"""C99 text of the matrix products: columns in vectors or scalars, four samples at once, dot products, and the search for zeros."""

from __future__ import annotations

from torchferry.export.c99.snippets import Snippet

VECTORS = """\
/* ---- Vectors ------------------------------------------------------------------------------------------------------
 * The width follows the target (-march, -mcpu, -msimd128); the results do not. One lane: plain C, for everything else.
 * 32-bit ARM stays scalar: its vectors flush subnormal numbers to zero. */
#if defined(__GNUC__)
#define MODEL_INLINE static inline __attribute__((always_inline))
#define MODEL_ALIGNED __attribute__((aligned(64)))
#if defined(__AVX512F__)
#define MODEL_LANES 16
#elif defined(__AVX__)
#define MODEL_LANES 8
#elif defined(__SSE2__) || defined(__aarch64__) || defined(__wasm_simd128__)
#define MODEL_LANES 4
#else
#define MODEL_LANES 1
#endif
#else
#define MODEL_INLINE static inline
#define MODEL_ALIGNED
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

GATHER = """\
/* The inputs that are not zero, with their row numbers; returns how many. Adding the others would change nothing. */
static size_t model_gather_{type}(const size_t count, const {ctype} *const restrict x, float *const restrict values,
    uint{bits}_t *const restrict rows) {{
  size_t found = 0;
{skip}\
  for (; i < count; ++i) {{
    values[found] = (float)x[i];
    rows[found] = (uint{bits}_t)i;
    found += x[i] != 0 ? 1u : 0u;
  }}
  return found;
}}
"""

SKIP_BYTES = """\
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    const uint8_t *const p = x + i;
    const uint64_t eight = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
                           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 | (uint64_t)p[7] << 56;
    if (eight == 0) {
      continue;
    }
    for (size_t k = 0; k < 8; ++k) {
      values[found] = (float)p[k];
      rows[found] = (uint16_t)(i + k);
      found += p[k] != 0 ? 1u : 0u;
    }
  }
"""

COUNT = """\
/* Are so few of the inputs zero that looking for them costs more than it saves? */
static int model_is_dense_{type}(const size_t count, const {ctype} *const x) {{
  size_t zeros = 0;
  for (size_t start = 0; start < count;) {{
    const size_t length = count - start < 240 ? count - start : 240;
    uint8_t part = 0; /* bytes: sixteen to sixty-four at once */
    for (size_t i = 0; i < length; ++i) {{
      part = (uint8_t)(part + (x[start + i] == 0 ? 1 : 0));
    }}
    zeros += part;
    start += length;
  }}
  return zeros * 8 < count;
}}
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

FOUR = """\
/* ---- The same for four samples at once: a weight that has been loaded serves all four ---------------------------- */

#if MODEL_LANES > 1
#if MODEL_LANES == 16 || defined(__aarch64__)
#define MODEL_FOUR_TILE 6 /* 32 vector registers */
#else
#define MODEL_FOUR_TILE 2 /* 16 vector registers */
#endif

MODEL_INLINE MODEL_WIDE void model_four_tile(const int vectors, const int quads, const size_t count, const float *const x[4],
    const float *const restrict wide, const size_t width, const float *const restrict narrow,
    const float *const restrict bias, float *const y[4], const size_t at,
    const float *const restrict narrow_bias, const size_t narrow_at, const size_t narrow_columns) {
  model_vector a[4][MODEL_FOUR_TILE];
  model_quad q[4][4];
  for (int r = 0; r < 4; ++r) {
    for (int t = 0; t < vectors; ++t) {
      a[r][t] = (model_vector){0.0f};
    }
    for (int t = 0; t < quads; ++t) {
      q[r][t] = (model_quad){0.0f};
    }
  }
  for (size_t i = 0; i < count; ++i) {
    for (int t = 0; t < vectors; ++t) {
      const model_vector w = MODEL_VECTOR(wide + i * width + t * MODEL_LANES);
      for (int r = 0; r < 4; ++r) {
        a[r][t] += x[r][i] * w;
      }
    }
    for (int t = 0; t < quads; ++t) {
      const model_quad w = MODEL_QUAD(narrow + (i * (size_t)quads + (size_t)t) * 4);
      for (int r = 0; r < 4; ++r) {
        q[r][t] += x[r][i] * w;
      }
    }
  }
  for (int r = 0; r < 4; ++r) {
    for (int t = 0; t < vectors; ++t) {
      *(model_vector *)(y[r] + at + t * MODEL_LANES) = a[r][t] + MODEL_VECTOR(bias + t * MODEL_LANES);
    }
    for (int t = 0; t < quads; ++t) {
      const model_quad sum = q[r][t] + MODEL_QUAD(narrow_bias + t * 4);
      for (size_t j = (size_t)t * 4; j < narrow_columns && j < (size_t)t * 4 + 4; ++j) {
        y[r][narrow_at + j] = sum[j % 4];
      }
    }
  }
}

/* One panel of columns; the narrow columns go with its last tile where the registers allow. */
MODEL_INLINE MODEL_WIDE void model_four_panel(const size_t count, const float *const x[4], const float *const restrict wide,
    const size_t width, const float *const restrict bias, float *const y[4],
    const size_t start, const float *const restrict narrow,
    const float *const restrict narrow_bias, const size_t narrow_at,
    const size_t narrow_columns) {
  const int vectors = (int)(width / MODEL_LANES);
  const int tiles = vectors > MODEL_FOUR_TILE ? (vectors + MODEL_FOUR_TILE - 1) / MODEL_FOUR_TILE : 1;
  const int tile = (vectors + tiles - 1) / tiles;
  const int quads = (int)((narrow_columns + 3) / 4);
  const int together = vectors - (tiles - 1) * tile + quads <= MODEL_FOUR_TILE + 1;
  for (int t = 0; t + 1 < tiles; ++t) {
    const size_t at = (size_t)(t * tile) * MODEL_LANES;
    model_four_tile(tile, 0, count, x, wide + at, width, narrow, bias + start + at, y, start + at, narrow_bias, 0, 0);
  }
  const size_t at = (size_t)((tiles - 1) * tile) * MODEL_LANES;
  model_four_tile(vectors - (tiles - 1) * tile, together ? quads : 0, count, x, wide + at, width, narrow, bias + start + at, y, start + at,
                  narrow_bias, narrow_at, together ? narrow_columns : 0);
  if (!together) {
    model_four_tile(0, quads, count, x, wide, 0, narrow, bias, y, 0, narrow_bias, narrow_at, narrow_columns);
  }
}

MODEL_INLINE MODEL_WIDE void model_four_columns(const size_t inputs, const size_t outputs, const float *const x[4],
    const float *const restrict wide, const float *const restrict narrow,
    const float *const restrict bias, float *const y[4]) {
  const size_t split = outputs / 16 * 16;
  const size_t last = split % MODEL_PANEL == 0 && split > 0 ? MODEL_PANEL : split % MODEL_PANEL; /* columns of the last panel */
  const size_t whole = split - last;
  for (size_t start = 0; start < whole; start += MODEL_PANEL) {
    model_four_panel(inputs, x, wide + start * inputs, MODEL_PANEL, bias, y, start, narrow, bias, 0, 0);
  }
  model_four_panel(inputs, x, wide + whole * inputs, last, bias, y, whole, narrow, bias + split, split, outputs - split);
}
#else
static void model_four_columns(const size_t inputs, const size_t outputs, const float *const x[4],
    const float *const restrict wide, const float *const restrict narrow, const float *const restrict bias,
    float *const y[4]) {
  for (int r = 0; r < 4; ++r) {
    model_columns(inputs, outputs, 1, inputs, x[r], NULL, wide, narrow, bias, y[r]);
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


def gather(dtype: str, row_bits: int) -> str:
    """The search for zeros in inputs of one dtype, with row numbers of 16 or 32 bits."""
    ctype = "uint8_t" if dtype == "uint8" else "float"
    skip = SKIP_BYTES.replace("uint16_t", f"uint{row_bits}_t") if dtype == "uint8" else "  size_t i = 0;\n"
    return GATHER.format(type=dtype, ctype=ctype, bits=row_bits, skip=skip) + "\n" + COUNT.format(type=dtype, ctype=ctype)

#ifndef MODEL_KERNEL_INTEGER_COLUMNS
#define MODEL_KERNEL_INTEGER_COLUMNS

#include "byte_paths.c"
#include "four_inputs.c"
#include "helium_columns.c"
#include "panel.c"

#if defined(MODEL_VNNI)
#define MODEL_INTEGER_TILE 8 /* vectors of sums in registers */
/* Sums for `vectors` vectors of a wide panel and `quads` quads of narrow columns. Bytes that are zero add nothing. */
MODEL_INLINE void model_integer_tile(const int vectors, const int quads, const size_t inputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const size_t step, const int32_t *const restrict bias, int32_t *const restrict sums,
    const int8_t *const restrict narrow, const int32_t *const restrict narrow_bias, int32_t *const restrict narrow_sums,
    const size_t narrow_columns) {
  model_sums a[MODEL_INTEGER_TILE];
  model_sum_quad q[4];
  for (int t = 0; t < vectors; ++t) {
    a[t] = model_load_sums(bias + t * MODEL_VNNI);
  }
  for (int t = 0; t < quads; ++t) {
    q[t] = model_load_quad(narrow_bias + 4 * t);
  }
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    if (four == 0) {
      continue;
    }
    for (int t = 0; t < vectors; ++t) {
      a[t] = model_add_four(a[t], four, model_load_sums(wide + g * step + t * MODEL_VNNI * 4));
    }
    for (int t = 0; t < quads; ++t) {
      const int8_t *const w = narrow + (g * (size_t)quads + (size_t)t) * 16;
      q[t] = model_add_four_quad(q[t], four, model_load_quad(w));
    }
  }
  for (int t = 0; t < vectors; ++t) {
    model_store_sums(sums + t * MODEL_VNNI, a[t]);
  }
  for (int t = 0; t < quads; ++t) {
    int32_t four[4];
    model_store_quad(four, q[t]);
    for (size_t j = (size_t)t * 4; j < narrow_columns && j < (size_t)t * 4 + 4; ++j) {
      narrow_sums[j] = four[j % 4];
    }
  }
}

/* sums[outputs] = bias + table x. The narrow columns go with the last tile of the last panel. */
MODEL_INLINE void model_integer_columns(const size_t inputs, const size_t outputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const int8_t *const restrict narrow, const int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  const size_t split = outputs / 16 * 16;
  const size_t most = MODEL_INTEGER_TILE * MODEL_VNNI;
  const size_t last = split == 0 ? 0 : (split - 1) % most + 1; /* columns of the last tile */
  for (size_t j = 0; j + last < split; j += most) {
    const size_t start = j / MODEL_PANEL * MODEL_PANEL;
    const size_t width = split - start < MODEL_PANEL ? split - start : MODEL_PANEL;
    model_integer_tile(MODEL_INTEGER_TILE, 0, inputs, x, wide + (start * groups + j - start) * 4, width * 4, bias + j, sums + j,
        narrow, bias, sums, 0);
  }
  const size_t at = split - last;
  const size_t start = at / MODEL_PANEL * MODEL_PANEL;
  model_integer_tile((int)(last / MODEL_VNNI), (int)((outputs - split + 3) / 4), inputs, x,
      wide + (start * groups + at - start) * 4, (split - start) * 4, bias + at, sums + at, narrow, bias + split, sums + split,
      outputs - split);
}
#elif defined(MODEL_HELIUM)
/* sums[outputs] = bias + table x */
MODEL_INLINE void model_integer_columns(const size_t inputs, const size_t outputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const int8_t *const restrict narrow, const int32_t *const restrict bias,
    int32_t *const restrict sums) {
  model_helium_product(inputs, outputs, x, wide, narrow, bias, sums);
}
#else
#if defined(MODEL_PAIR_COLUMNS)
#define MODEL_INTEGER_TILE (8 * MODEL_PAIR_COLUMNS)
/* Up to eight vectors of sums, from the weights of as many columns; table[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE void model_integer_tile(const size_t columns, const size_t inputs, const uint8_t *const restrict x,
    const int8_t *const restrict table, const size_t step, const int32_t *const restrict bias, int32_t *const restrict sums) {
  const size_t vectors = (columns + MODEL_PAIR_COLUMNS - 1) / MODEL_PAIR_COLUMNS;
  model_pairs a[8];
  for (size_t t = 0; t < vectors; ++t) {
    a[t] = model_no_pairs();
  }
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    if (four == 0) {
      continue;
    }
    for (size_t t = 0; t < vectors; ++t) {
      a[t] = model_add_pairs(a[t], model_spread(four), table + g * step + t * MODEL_PAIR_COLUMNS * 4);
    }
  }
  for (size_t t = 0; t < vectors; ++t) {
    int32_t pairs[2 * MODEL_PAIR_COLUMNS];
    model_store_pairs(pairs, a[t]);
    for (size_t k = 0; k < MODEL_PAIR_COLUMNS && t * MODEL_PAIR_COLUMNS + k < columns; ++k) {
      const size_t j = t * MODEL_PAIR_COLUMNS + k;
      sums[j] = bias[j] + (pairs[2 * k] + pairs[2 * k + 1]);
    }
  }
}
#else
#define MODEL_INTEGER_TILE 4
/* sum + the products of four inputs, the first in the lowest byte, and four weights */
MODEL_INLINE int32_t model_add_products(const int32_t sum, const uint32_t four, const MODEL_TABLE int8_t *const w) {
#if defined(__ARM_FEATURE_SIMD32)
  const uint8_t *const u = (const uint8_t *)w;
  const uint32_t weights = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
  const int32_t even = __smlad((int16x2_t)__uxtb16((model_bytes)four), __sxtb16((int8x4_t)weights), sum);
  return __smlad((int16x2_t)__uxtb16((model_bytes)(four >> 8)), __sxtb16((int8x4_t)(weights >> 8)), even);
#else
  return sum + ((int32_t)(four & 255u) * w[0] + (int32_t)(four >> 8 & 255u) * w[1] + (int32_t)(four >> 16 & 255u) * w[2] +
                   (int32_t)(four >> 24) * w[3]);
#endif
}

/* Up to four sums, from the weights of four columns: table[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE void model_integer_tile(const size_t columns, const size_t inputs, const uint8_t *const restrict x,
    const MODEL_TABLE int8_t *const restrict table, const size_t step, const MODEL_TABLE int32_t *const restrict bias,
    int32_t *const restrict sums) {
  int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    if (four != 0) {
      const MODEL_TABLE int8_t *const w = table + g * step;
      a = model_add_products(a, four, w);
      b = model_add_products(b, four, w + 4);
      c = model_add_products(c, four, w + 8);
      d = model_add_products(d, four, w + 12);
    }
  }
  const int32_t four_sums[4] = {a, b, c, d};
  for (size_t k = 0; k < columns; ++k) {
    sums[k] = four_sums[k];
  }
}
#endif

MODEL_INLINE void model_integer_tiles(const size_t columns, const size_t inputs, const uint8_t *const restrict x,
    const MODEL_TABLE int8_t *const restrict table, const size_t step, const MODEL_TABLE int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t whole = columns / MODEL_INTEGER_TILE * MODEL_INTEGER_TILE;
  for (size_t j = 0; j < whole; j += MODEL_INTEGER_TILE) {
    model_integer_tile(MODEL_INTEGER_TILE, inputs, x, table + 4 * j, step, bias + j, sums + j);
  }
  if (whole < columns) {
    model_integer_tile(columns - whole, inputs, x, table + 4 * whole, step, bias + whole, sums + whole);
  }
}

/* sums[outputs] = bias + table x */
MODEL_INLINE void model_integer_columns(const size_t inputs, const size_t outputs, const uint8_t *const restrict x,
    const MODEL_TABLE int8_t *const restrict wide, const MODEL_TABLE int8_t *const restrict narrow,
    const MODEL_TABLE int32_t *const restrict bias, int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  const size_t split = outputs / 16 * 16;
  const size_t last = split % MODEL_PANEL; /* columns of the last panel */
  const size_t whole = split - last;
  for (size_t start = 0; start < whole; start += MODEL_PANEL) {
    model_integer_tiles(MODEL_PANEL, inputs, x, wide + start * groups * 4, MODEL_PANEL * 4, bias + start, sums + start);
  }
  model_integer_tiles(last, inputs, x, wide + whole * groups * 4, last * 4, bias + whole, sums + whole);
  model_integer_tiles(outputs - split, inputs, x, narrow, (outputs - split + 3) / 4 * 16, bias + split, sums + split);
}
#endif

#endif

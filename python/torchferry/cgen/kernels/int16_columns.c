#ifndef MODEL_KERNEL_INT16_COLUMNS
#define MODEL_KERNEL_INT16_COLUMNS

#include "int16_paths.c"
#include "panel.c"

/* Groups of four inputs whose products fit 32 bits, whatever they are: 512 * 32768 * 127 < 2^31. */
#define MODEL_INT16_BLOCK 128

#if defined(MODEL_INT16_COLUMNS)
#define MODEL_INT16_TILE (8 * MODEL_INT16_COLUMNS)
#else
#define MODEL_INT16_TILE 4
#endif

/* Inputs 4 g to 4 g + 3, where they are or, with zeros beyond the end, in `four`. */
MODEL_INLINE const int16_t *model_four_int16(const int16_t *const x, const size_t inputs, const size_t g, int16_t *const four) {
  if (4 * g + 4 <= inputs) {
    return x + 4 * g;
  }
  for (size_t k = 0; k < 4; ++k) {
    four[k] = (int16_t)(4 * g + k < inputs ? x[4 * g + k] : 0);
  }
  return four;
}

#if defined(MODEL_INT16_COLUMNS)
/* Products of the groups `first` to `last` for up to eight vectors of columns; table[g * step + 4 column + k] belongs to input
 * 4 g + k. */
MODEL_INLINE void model_int16_tile(const size_t columns, const size_t inputs, const size_t first, const size_t last,
    const int16_t *const restrict x, const int8_t *const restrict table, const size_t step, int32_t *const restrict part) {
  const size_t vectors = (columns + MODEL_INT16_COLUMNS - 1) / MODEL_INT16_COLUMNS;
  int16_t end[4];
  model_int16_sums a[8];
  for (size_t t = 0; t < vectors; ++t) {
    a[t] = model_no_int16_sums();
  }
  for (size_t g = first; g < last; ++g) {
    const model_int16_four four = model_spread_int16(model_four_int16(x, inputs, g, end));
    for (size_t t = 0; t < vectors; ++t) {
      a[t] = model_add_int16_four(a[t], four, table + g * step + t * MODEL_INT16_COLUMNS * 4);
    }
  }
  for (size_t t = 0; t < vectors; ++t) {
    int32_t pairs[2 * MODEL_INT16_COLUMNS];
    model_store_int16_sums(pairs, a[t]);
    for (size_t k = 0; k < MODEL_INT16_COLUMNS; ++k) {
      part[t * MODEL_INT16_COLUMNS + k] = pairs[2 * k] + pairs[2 * k + 1];
    }
  }
}
#else
/* sum + the products of four inputs and four weights */
MODEL_INLINE int32_t model_add_int16(const int32_t sum, const int16_t *const x, const MODEL_TABLE int8_t *const w) {
#if defined(__ARM_FEATURE_SIMD32)
  const uint8_t *const u = (const uint8_t *)w;
  const uint32_t weights = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
  const uint32_t even = (uint32_t)(uint16_t)x[0] | (uint32_t)(uint16_t)x[2] << 16;
  const uint32_t odd = (uint32_t)(uint16_t)x[1] | (uint32_t)(uint16_t)x[3] << 16;
  const int32_t more = __smlad((int16x2_t)even, __sxtb16((int8x4_t)weights), sum);
  return __smlad((int16x2_t)odd, __sxtb16((int8x4_t)(weights >> 8)), more);
#else
  return sum + ((int32_t)x[0] * w[0] + (int32_t)x[1] * w[1] + (int32_t)x[2] * w[2] + (int32_t)x[3] * w[3]);
#endif
}

/* Products of the groups `first` to `last` for four columns; table[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE void model_int16_tile(const size_t columns, const size_t inputs, const size_t first, const size_t last,
    const int16_t *const restrict x, const MODEL_TABLE int8_t *const restrict table, const size_t step,
    int32_t *const restrict part) {
  int16_t end[4];
  int32_t a = 0, b = 0, c = 0, d = 0;
  (void)columns; /* tables are padded to fours */
  for (size_t g = first; g < last; ++g) {
    const int16_t *const four = model_four_int16(x, inputs, g, end);
    const MODEL_TABLE int8_t *const w = table + g * step;
    a = model_add_int16(a, four, w);
    b = model_add_int16(b, four, w + 4);
    c = model_add_int16(c, four, w + 8);
    d = model_add_int16(d, four, w + 12);
  }
  part[0] = a;
  part[1] = b;
  part[2] = c;
  part[3] = d;
}
#endif

/* round(sum / 2^bits), halves up, of a sum below 2^61 */
MODEL_INLINE int32_t model_narrowed(const int64_t sum, const int bits) {
  const uint64_t above = (uint64_t)sum + (UINT64_C(1) << 62) + (UINT64_C(1) << (bits - 1)); /* never negative */
  return (int32_t)((int64_t)(above >> bits) - (INT64_C(1) << (62 - bits)));
}

/* Sums of up to a tile of columns: in 32 bits, or in 64 and then in steps of 2^bits. */
MODEL_INLINE void model_int16_tile_sums(const size_t columns, const size_t inputs, const int bits,
    const int16_t *const restrict x, const MODEL_TABLE int8_t *const restrict table, const size_t step,
    const MODEL_TABLE int32_t *const restrict bias, int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  int32_t part[MODEL_INT16_TILE];
  if (bits == 0) {
    model_int16_tile(columns, inputs, 0, groups, x, table, step, part);
    for (size_t k = 0; k < columns; ++k) {
      sums[k] = bias[k] + part[k];
    }
    return;
  }
  int64_t whole[MODEL_INT16_TILE];
  for (size_t k = 0; k < columns; ++k) { /* no initializer: wasm32 at -O0 would ask for memset */
    whole[k] = 0;
  }
  for (size_t first = 0; first < groups; first += MODEL_INT16_BLOCK) {
    const size_t last = groups - first < MODEL_INT16_BLOCK ? groups : first + MODEL_INT16_BLOCK;
    model_int16_tile(columns, inputs, first, last, x, table, step, part);
    for (size_t k = 0; k < columns; ++k) {
      whole[k] += part[k];
    }
  }
  for (size_t k = 0; k < columns; ++k) {
    sums[k] = bias[k] + model_narrowed(whole[k], bits);
  }
}

MODEL_INLINE void model_int16_panel(const size_t columns, const size_t inputs, const int bits, const int16_t *const restrict x,
    const MODEL_TABLE int8_t *const restrict table, const size_t step, const MODEL_TABLE int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t whole = columns / MODEL_INT16_TILE * MODEL_INT16_TILE;
  for (size_t j = 0; j < whole; j += MODEL_INT16_TILE) {
    model_int16_tile_sums(MODEL_INT16_TILE, inputs, bits, x, table + 4 * j, step, bias + j, sums + j);
  }
  if (whole < columns) {
    model_int16_tile_sums(columns - whole, inputs, bits, x, table + 4 * whole, step, bias + whole, sums + whole);
  }
}

/* sums[outputs] = bias + table x, exact in 32 bits where `bits` is 0; else the products are exact in 64 bits and become steps
 * of 2^bits, in which the bias is. */
MODEL_INLINE void model_int16_columns(const size_t inputs, const size_t outputs, const int bits,
    const int16_t *const restrict x, const MODEL_TABLE int8_t *const restrict wide,
    const MODEL_TABLE int8_t *const restrict narrow, const MODEL_TABLE int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  const size_t split = outputs / 16 * 16;
  const size_t last = split % MODEL_PANEL; /* columns of the last panel */
  const size_t whole = split - last;
  for (size_t start = 0; start < whole; start += MODEL_PANEL) {
    model_int16_panel(MODEL_PANEL, inputs, bits, x, wide + start * groups * 4, MODEL_PANEL * 4, bias + start, sums + start);
  }
  model_int16_panel(last, inputs, bits, x, wide + whole * groups * 4, last * 4, bias + whole, sums + whole);
  model_int16_panel(outputs - split, inputs, bits, x, narrow, (outputs - split + 3) / 4 * 16, bias + split, sums + split);
}

#endif

#ifndef MODEL_KERNEL_INTEGER_CONV2D
#define MODEL_KERNEL_INTEGER_CONV2D

#include "byte_halves.c"
#include "byte_lines.c"
#include "byte_tiles.c"
#include "helium_conv2d.c"
#include "panel.c"
#include "requantise.c"

/* One row of a convolution of bytes: windows over the rows of `x`, as above. A row of a window is `runs` runs of `run`
 * neighbours, which are read in fours: weights behind the end of a run are 0. With a step bytes `y`, else the sums. */
typedef struct {
  int direct;
  size_t row, results, fours, run, runs; /* `fours` of a sum */
  const model_step *step;
  int32_t *patch; /* room for the inputs of two pixels in halves, where there are DSP instructions */
} model_integer_conv2d_task;

/* What becomes of the sums of `pixels` neighbours, `width` apart: `columns` results from number `first` on. */
MODEL_INLINE void model_integer_conv2d_end(const model_integer_conv2d_task t, const size_t pixels, const size_t columns,
    const int32_t *const found, const size_t width, const size_t first, uint8_t *const y, int32_t *const sums) {
  for (size_t p = 0; p < pixels; ++p) {
    const size_t place = p * t.results + first;
    if (t.step != NULL) {
      model_requantise(t.step, first, columns, found + p * width, y + place);
      continue;
    }
    for (size_t o = 0; o < columns; ++o) {
      sums[place + o] = found[p * width + o];
    }
  }
}

#if defined(MODEL_TILE_PIXELS)
/* A tile: vectors of sums beside each other of `pixels` neighbours. Only `columns` of them may count. */
#define MODEL_INTEGER_CONV2D_TILE(name, kind) \
  MODEL_INLINE void name(const model_window *const w, const model_integer_conv2d_task t, const int pixels, const int vectors, \
      const uint8_t *const restrict x, const int8_t *restrict weights, const size_t width, const int32_t *const restrict bias, \
      const size_t columns, const size_t first, uint8_t *const restrict y, int32_t *const restrict sums) { \
    const size_t next = w->stride[1] * w->channels; \
    kind##_sums a[MODEL_TILE_PIXELS][4]; \
    int32_t found[MODEL_TILE_PIXELS * 4 * kind##_lanes]; \
    MODEL_UNROLL for (int p = 0; p < pixels; ++p) { \
      MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[p][v] = kind##_start(bias + v * kind##_lanes); } \
    } \
    for (size_t k = 0; k < w->size[0]; ++k) { \
      for (size_t l = 0; l < t.runs; ++l) { \
        const uint8_t *from = model_byte_line_of(w, t.direct, t.row, k, x) + l * w->dilation[1] * w->channels; \
        for (size_t i = 0; i < t.run; i += 4, from += 4, weights += width * 4) { \
          kind##_weights of[4]; \
          MODEL_UNROLL for (int v = 0; v < vectors; ++v) { of[v] = kind##_load(weights + v * kind##_lanes * 4); } \
          MODEL_UNROLL for (int p = 0; p < pixels; ++p) { \
            const kind##_four four = kind##_spread(model_four(from + (size_t)p * next)); \
            MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[p][v] = kind##_add(a[p][v], four, of[v]); } \
          } \
        } \
      } \
    } \
    MODEL_UNROLL for (int p = 0; p < pixels; ++p) { \
      MODEL_UNROLL for (int v = 0; v < vectors; ++v) { \
        kind##_store(found + (p * vectors + v) * kind##_lanes, a[p][v], bias + v * kind##_lanes); \
      } \
    } \
    model_integer_conv2d_end(t, (size_t)pixels, columns, found, (size_t)vectors * kind##_lanes, first, y, sums); \
  }
MODEL_INTEGER_CONV2D_TILE(model_integer_conv2d_tile, model_tile)
#if defined(MODEL_VNNI)
MODEL_INTEGER_CONV2D_TILE(model_integer_conv2d_quads, model_quad_tile)
#else
#define model_quad_tile_lanes model_tile_lanes
#define model_integer_conv2d_quads model_integer_conv2d_tile
#endif

/* All pixels of the row, in tiles of nearly one size, of vectors or of quads. */
MODEL_INLINE void model_integer_conv2d_pixels(const model_window *const w, const model_integer_conv2d_task t, const int quads,
    const int vectors, const uint8_t *const restrict x, const int8_t *const restrict weights, const size_t width,
    const int32_t *const restrict bias, const size_t columns, const size_t first, uint8_t *const restrict y,
    int32_t *const restrict sums) {
  const size_t count = w->results[1], tiles = (count + MODEL_TILE_PIXELS - 1) / MODEL_TILE_PIXELS, longer = count % tiles;
  const size_t next = w->stride[1] * w->channels;
  const int pixels = (int)(count / tiles);
  for (size_t n = 0, j = 0; n < tiles; ++n) {
    const size_t place = j * t.results;
    uint8_t *const bytes = t.step != NULL ? y + place : NULL;
    int32_t *const kept = t.step != NULL ? NULL : sums + place;
    if (quads && n < longer) {
      model_integer_conv2d_quads(w, t, pixels + 1, vectors, x + j * next, weights, width, bias, columns, first, bytes, kept);
    } else if (quads) {
      model_integer_conv2d_quads(w, t, pixels, vectors, x + j * next, weights, width, bias, columns, first, bytes, kept);
    } else if (n < longer) {
      model_integer_conv2d_tile(w, t, pixels + 1, vectors, x + j * next, weights, width, bias, columns, first, bytes, kept);
    } else {
      model_integer_conv2d_tile(w, t, pixels, vectors, x + j * next, weights, width, bias, columns, first, bytes, kept);
    }
    j += (size_t)pixels + (n < longer ? 1 : 0);
  }
}

/* One group: results in panels of at most 128 columns, and the rest. `first`: the first of its results. */
MODEL_INLINE void model_integer_conv2d_group(const model_window *const w, const model_integer_conv2d_task t, const size_t own,
    const size_t first, const uint8_t *const restrict x, const int8_t *const restrict wide, const int8_t *const restrict narrow,
    const int32_t *const restrict bias, uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  const size_t step = MODEL_TILE_VECTORS * model_tile_lanes, most = 4 * model_quad_tile_lanes;
  for (size_t panel = 0; panel < split; panel += MODEL_PANEL) {
    const size_t width = split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const int8_t *const table = wide + panel * t.fours * 4;
    size_t at = 0;
    for (; at + step <= width; at += step) {
      model_integer_conv2d_pixels(
          w, t, 0, MODEL_TILE_VECTORS, x, table + at * 4, width, bias + panel + at, step, first + panel + at, y, sums);
    }
    if (at < width) {
      model_integer_conv2d_pixels(w, t, 0, (int)((width - at) / model_tile_lanes), x, table + at * 4, width, bias + panel + at,
          width - at, first + panel + at, y, sums);
    }
  }
  for (size_t at = 0; at < padded; at += most) {
    const size_t columns = padded - at < most ? padded - at : most, used = own - split - at < most ? own - split - at : most;
    model_integer_conv2d_pixels(w, t, 1, (int)(columns / model_quad_tile_lanes), x, narrow + at * 4, padded, bias + split + at,
        used, first + split + at, y, sums);
  }
}
#elif defined(MODEL_HELIUM)
MODEL_INLINE void model_integer_conv2d_group(const model_window *const w, const model_integer_conv2d_task t, const size_t own,
    const size_t first, const uint8_t *const restrict x, const int8_t *const restrict wide, const int8_t *const restrict narrow,
    const int32_t *const restrict bias, uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t last = w->results[1] < 4 ? w->results[1] - 1 : 3;
  uint8_t *const patch = (uint8_t *)(void *)t.patch;
  const model_helium_task task = {t.direct, t.row, t.results, t.fours * 4, t.run, t.runs, last, t.step, patch};
  model_helium_group(w, &task, own, first, x, wide, narrow, bias, y, sums);
}
#elif defined(MODEL_HALVES)
/* The inputs of two neighbours in halves: of each four the even and the odd ones of the first, then those of the second. */
static void model_integer_conv2d_patch(
    const model_window *const w, const model_integer_conv2d_task t, const size_t next, const uint8_t *const x, int32_t *patch) {
  for (size_t k = 0; k < w->size[0]; ++k) {
    for (size_t l = 0; l < t.runs; ++l) {
      const uint8_t *a = model_byte_line_of(w, t.direct, t.row, k, x) + l * w->dilation[1] * w->channels;
      for (const uint8_t *const end = a + t.run; a < end; a += 4, patch += 4) {
        const uint32_t one = *(const model_word *)a, two = *(const model_word *)(a + next);
        patch[0] = model_even_bytes(one);
        patch[1] = model_odd_bytes(one);
        patch[2] = model_even_bytes(two);
        patch[3] = model_odd_bytes(two);
      }
    }
  }
}

/* Sums of two results of two pixels. weights[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE void model_integer_conv2d_tile(const size_t fours, const int32_t *restrict patch, const int8_t *restrict weights,
    const size_t step, const int32_t *const restrict bias, int32_t sums[4]) {
  int32_t a = bias[0], b = bias[1], c = a, d = b;
  for (const int32_t *const end = patch + 4 * fours; patch < end; patch += 4, weights += step) {
    const uint32_t one = *(const model_word *)weights, two = *(const model_word *)(weights + 4);
    const int32_t even = model_even_weights(one), odd = model_odd_weights(one);
    const int32_t next_even = model_even_weights(two), next_odd = model_odd_weights(two);
    a = model_add_halves(model_add_halves(a, patch[0], even), patch[1], odd);
    b = model_add_halves(model_add_halves(b, patch[0], next_even), patch[1], next_odd);
    c = model_add_halves(model_add_halves(c, patch[2], even), patch[3], odd);
    d = model_add_halves(model_add_halves(d, patch[2], next_even), patch[3], next_odd);
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/* One group: pixels in twos, and columns in twos. `first`: the first of its results. */
MODEL_INLINE void model_integer_conv2d_group(const model_window *const w, const model_integer_conv2d_task t, const size_t own,
    const size_t first, const uint8_t *const restrict x, const int8_t *const restrict wide, const int8_t *const restrict narrow,
    const int32_t *const restrict bias, uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4, next = w->stride[1] * w->channels;
  for (size_t j = 0; j < w->results[1]; j += 2) {
    const size_t pixels = w->results[1] - j < 2 ? 1 : 2;
    model_integer_conv2d_patch(w, t, pixels == 2 ? next : 0, x + j * next, t.patch);
    for (size_t at = 0; at < own; at += 2) {
      const size_t panel = at / MODEL_PANEL * MODEL_PANEL, used = own - at < 2 ? 1 : 2;
      const size_t width = at >= split ? padded : split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
      const int8_t *const table = at >= split ? narrow + (at - split) * 4 : wide + (panel * t.fours + at - panel) * 4;
      int32_t found[4];
      model_integer_conv2d_tile(t.fours, t.patch, table, width * 4, bias + at, found);
      model_integer_conv2d_end(t, pixels, used, found, 2, first + at, t.step != NULL ? y + j * t.results : NULL,
          t.step != NULL ? NULL : sums + j * t.results);
    }
  }
}
#else
#define MODEL_INTEGER_PIXELS 2

/* Sums of four results of up to two pixels. weights[g * step + 4 column + k] belongs to input 4 g + k. */
static void model_integer_conv2d_tile(const model_window *const w, const model_integer_conv2d_task t, const size_t pixels,
    const uint8_t *const restrict x, const MODEL_TABLE int8_t *restrict weights, const size_t step,
    const MODEL_TABLE int32_t *const restrict bias, int32_t sums[MODEL_INTEGER_PIXELS * 4]) {
  const size_t next = pixels > 1 ? w->stride[1] * w->channels : 0;
  int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3], b0 = a0, b1 = a1, b2 = a2, b3 = a3;
  for (size_t k = 0; k < w->size[0]; ++k) {
    for (size_t l = 0; l < t.runs; ++l) {
      const uint8_t *restrict a = model_byte_line_of(w, t.direct, t.row, k, x) + l * w->dilation[1] * w->channels;
      for (size_t i = 0; i < t.run; i += 4, a += 4, weights += step) {
        const uint8_t *const b = a + next;
        const MODEL_TABLE int8_t *const v = weights;
        a0 += (int32_t)a[0] * v[0] + (int32_t)a[1] * v[1] + (int32_t)a[2] * v[2] + (int32_t)a[3] * v[3];
        a1 += (int32_t)a[0] * v[4] + (int32_t)a[1] * v[5] + (int32_t)a[2] * v[6] + (int32_t)a[3] * v[7];
        a2 += (int32_t)a[0] * v[8] + (int32_t)a[1] * v[9] + (int32_t)a[2] * v[10] + (int32_t)a[3] * v[11];
        a3 += (int32_t)a[0] * v[12] + (int32_t)a[1] * v[13] + (int32_t)a[2] * v[14] + (int32_t)a[3] * v[15];
        b0 += (int32_t)b[0] * v[0] + (int32_t)b[1] * v[1] + (int32_t)b[2] * v[2] + (int32_t)b[3] * v[3];
        b1 += (int32_t)b[0] * v[4] + (int32_t)b[1] * v[5] + (int32_t)b[2] * v[6] + (int32_t)b[3] * v[7];
        b2 += (int32_t)b[0] * v[8] + (int32_t)b[1] * v[9] + (int32_t)b[2] * v[10] + (int32_t)b[3] * v[11];
        b3 += (int32_t)b[0] * v[12] + (int32_t)b[1] * v[13] + (int32_t)b[2] * v[14] + (int32_t)b[3] * v[15];
      }
    }
  }
  const int32_t all[MODEL_INTEGER_PIXELS * 4] = {a0, a1, a2, a3, b0, b1, b2, b3};
  for (size_t j = 0; j < MODEL_INTEGER_PIXELS * 4; ++j) {
    sums[j] = all[j];
  }
}

/* One group: columns in fours, and pixels in twos. `first`: the first of its results. */
static void model_integer_conv2d_group(const model_window *const w, const model_integer_conv2d_task t, const size_t own,
    const size_t first, const uint8_t *const restrict x, const MODEL_TABLE int8_t *const restrict wide,
    const MODEL_TABLE int8_t *const restrict narrow, const MODEL_TABLE int32_t *const restrict bias, uint8_t *const restrict y,
    int32_t *const restrict sums) {
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  for (size_t at = 0; at < own; at += 4) {
    const size_t panel = at / MODEL_PANEL * MODEL_PANEL, used = own - at < 4 ? own - at : 4;
    const size_t width = at >= split ? padded : split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const MODEL_TABLE int8_t *const table = at >= split ? narrow + (at - split) * 4 : wide + (panel * t.fours + at - panel) * 4;
    for (size_t j = 0; j < w->results[1]; j += MODEL_INTEGER_PIXELS) {
      const size_t pixels = w->results[1] - j < MODEL_INTEGER_PIXELS ? w->results[1] - j : MODEL_INTEGER_PIXELS;
      uint8_t *const bytes = t.step != NULL ? y + j * t.results : NULL;
      int32_t *const kept = t.step != NULL ? NULL : sums + j * t.results;
      int32_t found[MODEL_INTEGER_PIXELS * 4];
      model_integer_conv2d_tile(w, t, pixels, x + j * w->stride[1] * w->channels, table, width * 4, bias + at, found);
      model_integer_conv2d_end(t, pixels, used, found, 4, first + at, bytes, kept);
    }
  }
}
#endif

/* Row `row` of y or sums [height, width, results]. Of each group the weights are [fours, results of the group, 4] in panels of
 * 128 columns (`wide`) and a rest (`narrow`), as for products; the bias of each group is padded to fours. */
MODEL_INLINE void model_integer_conv2d_row(const model_window *const w, const size_t results, const size_t groups,
    const int direct, const size_t row, const uint8_t *const restrict x, const MODEL_TABLE int8_t *const restrict wide,
    const MODEL_TABLE int8_t *const restrict narrow, const MODEL_TABLE int32_t *const restrict bias,
    int32_t *const restrict patch, const model_step *const step, uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t own = results / groups, channels = w->channels / groups;
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  const int joined = groups == 1 && w->dilation[1] == 1;
  const size_t run = joined ? w->size[1] * channels : channels, runs = joined ? 1 : w->size[1];
  const size_t fours = w->size[0] * runs * ((run + 3) / 4);
  const model_integer_conv2d_task t = {direct, row, results, fours, run, runs, step, patch};
  for (size_t g = 0; g < groups; ++g) {
    model_integer_conv2d_group(w, t, own, g * own, x + g * channels, wide + g * fours * split * 4,
        narrow + g * fours * padded * 4, bias + g * (split + padded), y, sums);
  }
}

#endif

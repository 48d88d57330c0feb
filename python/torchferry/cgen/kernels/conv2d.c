#ifndef MODEL_KERNEL_CONV2D
#define MODEL_KERNEL_CONV2D

#include "image_lines.c"
#include "narrow_vectors.c"
#include "panel.c"

/* One row of a convolution: windows over the rows of `x`, as above. Each sum starts at +0 and takes the positions in
 * the order row, column, channel; the bias comes last, and with `relu` what is below zero becomes zero. */
typedef struct {
  int direct, relu;
  size_t row, results, taps, run, runs; /* `taps` of a sum; a row of a window is `runs` runs of `run` neighbours */
} model_conv2d_task;

#if MODEL_LANES > 1
/* Vectors of results beside each other, and pixels beside these or beside one vector. With AVX-512 a product takes its number
 * from memory at no cost; a number that several vectors share would be spread in a register first, which costs as much as a
 * product. */
#if MODEL_LANES == 16
#define MODEL_CONV_VECTORS 1
#define MODEL_CONV_PIXELS 8
#define MODEL_CONV_MOST 16
#elif defined(__aarch64__)
#define MODEL_CONV_VECTORS 2
#define MODEL_CONV_PIXELS 8 /* 32 vector registers */
#define MODEL_CONV_MOST 12
#else
#define MODEL_CONV_VECTORS 2
#define MODEL_CONV_PIXELS 6 /* 16 vector registers */
#define MODEL_CONV_MOST 12
#endif

/* A function for `vectors` vectors of results of `pixels` neighbours, of which the first `columns` numbers of a pixel are
 * stored. */
#define MODEL_CONV2D_TILE(name, type, lanes) \
  MODEL_INLINE MODEL_WIDE void name(const model_window *const w, const model_conv2d_task t, const int pixels, \
      const int vectors, const float *const restrict x, const float *restrict weights, const size_t width, \
      const float *const restrict bias, float *const restrict y, const int columns) { \
    type a[MODEL_CONV_MOST][3]; \
    const size_t step = w->stride[1] * w->channels; \
    MODEL_UNROLL for (int p = 0; p < pixels; ++p) { \
      MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[p][v] = (type){0.0f}; } \
    } \
    for (size_t k = 0; k < w->size[0]; ++k) { \
      const float *const line = model_line_of(w, t.direct, t.row, k, x); \
      for (size_t l = 0; l < t.runs; ++l) { \
        const float *run = line + l * w->dilation[1] * w->channels; \
        for (size_t i = 0; i < t.run; ++i, ++run) { \
          MODEL_STEPS(run); \
          MODEL_UNROLL for (int p = 0; p < pixels; p += vectors == 1 ? 2 : 1) { \
            const float value = run[(size_t)p * step]; \
            if (vectors == 1 && p + 1 < pixels) { \
              const type sum = value * *(const type *)weights, next = run[(size_t)(p + 1) * step] * *(const type *)weights; \
              MODEL_BOTH(sum, next); \
              a[p][0] += sum; \
              a[p + 1][0] += next; \
            } else { \
              type sums[3]; \
              MODEL_UNROLL for (int v = 0; v < vectors; ++v) { sums[v] = value * *(const type *)(weights + v * lanes); } \
              if (vectors > 1) { \
                MODEL_BOTH(sums[0], sums[1]); \
              } \
              MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[p][v] += sums[v]; } \
            } \
          } \
          MODEL_UNROLL for (int p = 0; p < pixels; ++p) { \
            MODEL_UNROLL for (int v = 0; v < vectors; ++v) { MODEL_HELD(a[p][v]); } \
          } \
          weights += width; \
        } \
      } \
    } \
    MODEL_UNROLL for (int p = 0; p < pixels; ++p) { \
      MODEL_UNROLL for (int v = 0; v < vectors; ++v) { \
        const type bare = a[p][v] + *(const type *)(bias + v * lanes), sum = t.relu ? MODEL_CUT(type, bare) : bare; \
        float *const to = y + (size_t)p * t.results + v * lanes; \
        if (columns - v * lanes >= lanes) { \
          *(type *)to = sum; \
        } else { \
          for (int j = 0; j < columns - v * lanes; ++j) { \
            to[j] = sum[j]; \
          } \
        } \
      } \
    } \
  }
MODEL_CONV2D_TILE(model_conv2d_wide_tile, model_vector, MODEL_LANES)
MODEL_CONV2D_TILE(model_conv2d_quad_tile, model_quad, 4)
#if MODEL_LANES > 4
MODEL_CONV2D_TILE(model_conv2d_oct_tile, model_oct, 8)
#endif

/* A tile of vectors of `lanes`. */
MODEL_INLINE MODEL_WIDE void model_conv2d_tile(const model_window *const w, const model_conv2d_task t, const int lanes,
    const int pixels, const int vectors, const float *const restrict x, const float *const restrict weights, const size_t width,
    const float *const restrict bias, float *const restrict y, const int columns) {
  if (lanes == MODEL_LANES) {
    model_conv2d_wide_tile(w, t, pixels, vectors, x, weights, width, bias, y, columns);
    return;
  }
#if MODEL_LANES > 4
  if (lanes == 8) {
    model_conv2d_oct_tile(w, t, pixels, vectors, x, weights, width, bias, y, columns);
    return;
  }
#endif
  model_conv2d_quad_tile(w, t, pixels, vectors, x, weights, width, bias, y, columns);
}

/* All pixels of the row, in tiles of nearly one size. */
MODEL_INLINE MODEL_WIDE void model_conv2d_pixels(const model_window *const w, const model_conv2d_task t, const int lanes,
    const int vectors, const float *const restrict x, const float *const restrict weights, const size_t width,
    const float *const restrict bias, float *const restrict y, const int columns) {
  const size_t most = vectors == 1 ? MODEL_CONV_MOST : vectors == 2 ? MODEL_CONV_PIXELS : MODEL_CONV_PIXELS / 2;
  const size_t count = w->results[1], tiles = (count + most - 1) / most, longer = count % tiles;
  const size_t step = w->stride[1] * w->channels;
  const int pixels = (int)(count / tiles);
  size_t j = 0;
  for (size_t n = 0; n < longer; ++n, j += (size_t)pixels + 1) {
    model_conv2d_tile(w, t, lanes, pixels + 1, vectors, x + j * step, weights, width, bias, y + j * t.results, columns);
  }
  for (; j < count; j += (size_t)pixels) {
    model_conv2d_tile(w, t, lanes, pixels, vectors, x + j * step, weights, width, bias, y + j * t.results, columns);
  }
}

/* The results of a group that do not fill a cache line. */
MODEL_INLINE MODEL_WIDE void model_conv2d_narrow(const model_window *const w, const model_conv2d_task t, const int columns,
    const float *const restrict x, const float *const restrict weights, const float *const restrict bias,
    float *const restrict y) {
  const int quads = (columns + 3) / 4;
  int at = 0;
#if MODEL_LANES > 4
  if (quads > 1) {
    model_conv2d_pixels(w, t, 8, 1, x, weights, (size_t)quads * 4, bias, y, columns);
    at = 8;
  }
#else
  if (quads > 3) {
    model_conv2d_pixels(w, t, 4, 2, x, weights, (size_t)quads * 4, bias, y, columns); /* a tile has at most three vectors */
    at = 8;
  }
#endif
  if (at < columns) {
    model_conv2d_pixels(w, t, 4, quads - at / 4, x, weights + at, (size_t)quads * 4, bias + at, y + at, columns - at);
  }
}

/* One group: results in panels of at most 128 columns, and the rest. */
MODEL_INLINE MODEL_WIDE void model_conv2d_group(const model_window *const w, const model_conv2d_task t, const size_t own,
    const float *const restrict x, const float *const restrict wide, const float *const restrict narrow,
    const float *const restrict bias, float *const restrict y) {
  const size_t split = own / 16 * 16;
  for (size_t panel = 0; panel < split; panel += MODEL_PANEL) {
    const size_t width = split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const float *const table = wide + panel * t.taps, *const shift = bias + panel;
    const int most = MODEL_CONV_VECTORS, step = most * MODEL_LANES;
    size_t at = 0;
    for (; at + (size_t)step <= width; at += (size_t)step) {
      model_conv2d_pixels(w, t, MODEL_LANES, most, x, table + at, width, shift + at, y + panel + at, step);
    }
    if (at < width) {
      model_conv2d_pixels(w, t, MODEL_LANES, 1, x, table + at, width, shift + at, y + panel + at, MODEL_LANES);
    }
  }
  if (own > split) {
    model_conv2d_narrow(w, t, (int)(own - split), x, narrow, bias + split, y + split);
  }
}
#else
/* Four results of four pixels, or of one: their sums stay in registers. */
static void model_conv2d_tile(const model_window *const w, const model_conv2d_task t, const int pixels,
    const float *const restrict x, const MODEL_TABLE float *restrict weights, const size_t width, float sums[4][4]) {
  const size_t step = pixels > 1 ? w->stride[1] * w->channels : 0;
  float a0 = 0.0f, a1 = 0.0f, a2 = 0.0f, a3 = 0.0f, b0 = 0.0f, b1 = 0.0f, b2 = 0.0f, b3 = 0.0f;
  float c0 = 0.0f, c1 = 0.0f, c2 = 0.0f, c3 = 0.0f, d0 = 0.0f, d1 = 0.0f, d2 = 0.0f, d3 = 0.0f;
  for (size_t k = 0; k < w->size[0]; ++k) {
    for (size_t l = 0; l < t.runs; ++l) {
      const float *restrict a = model_line_of(w, t.direct, t.row, k, x) + l * w->dilation[1] * w->channels;
      const float *const end = a + t.run;
      if (pixels == 1) {
        for (; a < end; ++a, weights += width) {
          const float value = *a;
          a0 += value * weights[0];
          a1 += value * weights[1];
          a2 += value * weights[2];
          a3 += value * weights[3];
        }
        continue;
      }
      const float *restrict b = a + step, *restrict c = b + step, *restrict d = c + step;
      for (; a < end; ++a, ++b, ++c, ++d, weights += width) {
        const float w0 = weights[0], w1 = weights[1], w2 = weights[2], w3 = weights[3];
        a0 += *a * w0;
        a1 += *a * w1;
        a2 += *a * w2;
        a3 += *a * w3;
        b0 += *b * w0;
        b1 += *b * w1;
        b2 += *b * w2;
        b3 += *b * w3;
        c0 += *c * w0;
        c1 += *c * w1;
        c2 += *c * w2;
        c3 += *c * w3;
        d0 += *d * w0;
        d1 += *d * w1;
        d2 += *d * w2;
        d3 += *d * w3;
      }
    }
  }
  const float all[4][4] = {{a0, a1, a2, a3}, {b0, b1, b2, b3}, {c0, c1, c2, c3}, {d0, d1, d2, d3}};
  for (size_t p = 0; p < 4; ++p) {
    for (size_t j = 0; j < 4; ++j) {
      sums[p][j] = all[p][j];
    }
  }
}

/* One group: columns in fours, and pixels in fours as long as there are four. */
static void model_conv2d_group(const model_window *const w, const model_conv2d_task t, const size_t own,
    const float *const restrict x, const MODEL_TABLE float *const restrict wide, const MODEL_TABLE float *const restrict narrow,
    const MODEL_TABLE float *const restrict bias, float *const restrict y) {
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  for (size_t at = 0; at < own; at += 4) {
    const size_t panel = at / MODEL_PANEL * MODEL_PANEL, used = own - at < 4 ? own - at : 4;
    const size_t width = at >= split ? padded : split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const MODEL_TABLE float *const table = at >= split ? narrow + (at - split) : wide + panel * t.taps + (at - panel);
    for (size_t j = 0; j < w->results[1];) {
      const size_t pixels = w->results[1] - j < 4 ? 1 : 4;
      float sums[4][4];
      model_conv2d_tile(w, t, (int)pixels, x + j * w->stride[1] * w->channels, table, width, sums);
      for (size_t p = 0; p < pixels; ++p, ++j) {
        for (size_t o = 0; o < used; ++o) {
          const float sum = sums[p][o] + bias[at + o]; /* never -0 */
          y[j * t.results + at + o] = t.relu && sum < 0.0f ? 0.0f : sum;
        }
      }
    }
  }
}
#endif

/* Row `row` of y [height, width, results]. Of each group the weights are [positions, results of the group] in panels of 128
 * columns
 * (`wide`) and a rest (`narrow`), as for products; the bias of each group is padded to fours. */
MODEL_INLINE MODEL_WIDE void model_conv2d_row(const model_window *const w, const size_t results, const size_t groups,
    const int direct, const int relu, const size_t row, const float *const restrict x,
    const MODEL_TABLE float *const restrict wide, const MODEL_TABLE float *const restrict narrow,
    const MODEL_TABLE float *const restrict bias, float *const restrict y) {
  const size_t own = results / groups, channels = w->channels / groups, taps = w->size[0] * w->size[1] * channels;
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  const int joined = groups == 1 && w->dilation[1] == 1;
  const model_conv2d_task t = {
      direct, relu, row, results, taps, joined ? w->size[1] * channels : channels, joined ? 1 : w->size[1]};
  for (size_t g = 0; g < groups; ++g) {
    model_conv2d_group(w, t, own, x + g * channels, wide + g * taps * split, narrow + g * taps * padded,
        bias + g * (split + padded), y + g * own);
  }
}

#endif

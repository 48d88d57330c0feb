#ifndef MODEL_KERNEL_CONV2D
#define MODEL_KERNEL_CONV2D

#include "image_lines.c"
#include "panel.c"
#include "relu_quad.c"
#include "relu_vector.c"
#include "vectors.c"

/* One row of a convolution: windows over the rows of `x`, see image_lines.c. Each sum starts at +0 and takes the positions in the
 * order row, column, channel; the bias comes last, and with `relu` what is below zero becomes zero. */
typedef struct {
  int direct, relu;
  size_t row, channels, run, runs; /* `channels` of a group; a row of a window is `runs` runs of `run` neighbours */
} model_conv2d_task;

#if MODEL_LANES > 1
#if MODEL_LANES == 16 || defined(__aarch64__)
#define MODEL_CONV_PIXELS 8 /* beside two vectors of results: 32 vector registers */
#else
#define MODEL_CONV_PIXELS 5 /* 16 vector registers */
#endif
#define MODEL_CONV_MOST 12

/* `vectors` vectors of results of `pixels` neighbours. */
MODEL_INLINE MODEL_WIDE void model_conv2d_tile(const model_window *const w, const model_conv2d_task t, const int pixels,
    const int vectors, const float *const restrict x, const size_t start, const float *restrict weights, const size_t width,
    const float *const restrict bias, float *const restrict y, const size_t results) {
  model_vector a[MODEL_CONV_MOST][2];
  const size_t step = w->stride[1] * w->channels;
  MODEL_UNROLL for (int p = 0; p < pixels; ++p) {
    MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[p][v] = (model_vector){0.0f}; }
  }
  for (size_t k = 0; k < w->size[0]; ++k) {
    const float *const line = model_line_of(w, t.direct, t.row, k, x) + start;
    for (size_t l = 0; l < t.runs; ++l) {
      const float *const run = line + l * w->dilation[1] * w->channels;
      for (size_t i = 0; i < t.run; ++i) {
        MODEL_UNROLL for (int p = 0; p < pixels; ++p) {
          const float value = run[(size_t)p * step + i];
          MODEL_UNROLL for (int v = 0; v < vectors; ++v) { a[p][v] += value * MODEL_VECTOR(weights + v * MODEL_LANES); }
        }
        weights += width;
      }
    }
  }
  MODEL_UNROLL for (int p = 0; p < pixels; ++p) {
    MODEL_UNROLL for (int v = 0; v < vectors; ++v) {
      const model_vector sum = a[p][v] + MODEL_VECTOR(bias + v * MODEL_LANES);
      MODEL_STORE(y + (size_t)p * results + v * MODEL_LANES) = t.relu ? model_relu_vector(sum) : sum;
    }
  }
}

/* The same for `quads` quads, of which `columns` numbers are results. */
MODEL_INLINE void model_conv2d_narrow(const model_window *const w, const model_conv2d_task t, const int pixels, const int quads,
    const float *const restrict x, const size_t start, const float *restrict weights, const float *const restrict bias,
    float *const restrict y, const size_t results, const int columns) {
  model_quad a[MODEL_CONV_MOST][3];
  const size_t step = w->stride[1] * w->channels;
  MODEL_UNROLL for (int p = 0; p < pixels; ++p) {
    MODEL_UNROLL for (int q = 0; q < quads; ++q) { a[p][q] = (model_quad){0.0f}; }
  }
  for (size_t k = 0; k < w->size[0]; ++k) {
    const float *const line = model_line_of(w, t.direct, t.row, k, x) + start;
    for (size_t l = 0; l < t.runs; ++l) {
      const float *const run = line + l * w->dilation[1] * w->channels;
      for (size_t i = 0; i < t.run; ++i) {
        MODEL_UNROLL for (int p = 0; p < pixels; ++p) {
          const float value = run[(size_t)p * step + i];
          MODEL_UNROLL for (int q = 0; q < quads; ++q) { a[p][q] += value * MODEL_QUAD(weights + q * 4); }
        }
        weights += quads * 4;
      }
    }
  }
  MODEL_UNROLL for (int p = 0; p < pixels; ++p) {
    MODEL_UNROLL for (int q = 0; q < quads; ++q) {
      const model_quad bare = a[p][q] + MODEL_QUAD(bias + q * 4), sum = t.relu ? model_relu_quad(bare) : bare;
      if (columns - q * 4 >= 4) {
        MODEL_STORE_QUAD(y + (size_t)p * results + q * 4) = sum;
      } else {
        for (int j = 0; j < columns - q * 4; ++j) {
          y[(size_t)p * results + (size_t)(q * 4 + j)] = sum[j];
        }
      }
    }
  }
}

/* All pixels of the row, in tiles of nearly one size: of `vectors` vectors, or of `quads` quads. */
MODEL_INLINE MODEL_WIDE void model_conv2d_pixels(const model_window *const w, const model_conv2d_task t, const int vectors,
    const int quads, const float *const restrict x, const size_t start, const float *const restrict weights,
    const size_t width, const float *const restrict bias, float *const restrict y, const size_t results, const int columns) {
  const size_t most = vectors == 1 || quads == 1 ? MODEL_CONV_MOST : MODEL_CONV_PIXELS;
  const size_t count = w->results[1], tiles = (count + most - 1) / most, longer = count % tiles;
  const int pixels = (int)(count / tiles);
  size_t j = 0;
  for (size_t n = 0; n < longer; ++n, j += (size_t)pixels + 1) {
    const size_t from = start + j * w->stride[1] * w->channels;
    if (vectors > 0) {
      model_conv2d_tile(w, t, pixels + 1, vectors, x, from, weights, width, bias, y + j * results, results);
    } else {
      model_conv2d_narrow(w, t, pixels + 1, quads, x, from, weights, bias, y + j * results, results, columns);
    }
  }
  for (; j < count; j += (size_t)pixels) {
    const size_t from = start + j * w->stride[1] * w->channels;
    if (vectors > 0) {
      model_conv2d_tile(w, t, pixels, vectors, x, from, weights, width, bias, y + j * results, results);
    } else {
      model_conv2d_narrow(w, t, pixels, quads, x, from, weights, bias, y + j * results, results, columns);
    }
  }
}

/* One group: results in panels of at most 128 columns, and the rest in quads. */
MODEL_INLINE MODEL_WIDE void model_conv2d_group(const model_window *const w, const model_conv2d_task t, const size_t own,
    const float *const restrict x, const size_t start, const float *const restrict wide, const float *const restrict narrow,
    const float *const restrict bias, float *const restrict y, const size_t results) {
  const size_t split = own / 16 * 16, taps = w->size[0] * w->size[1] * t.channels;
  for (size_t panel = 0; panel < split; panel += MODEL_PANEL) {
    const size_t width = split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const float *const table = wide + panel * taps;
    size_t at = 0;
    for (; at + 2 * MODEL_LANES <= width; at += 2 * MODEL_LANES) {
      model_conv2d_pixels(w, t, 2, 0, x, start, table + at, width, bias + panel + at, y + panel + at, results, 0);
    }
    if (at < width) {
      model_conv2d_pixels(w, t, 1, 0, x, start, table + at, width, bias + panel + at, y + panel + at, results, 0);
    }
  }
  if (own > split) {
    const int quads = (int)((own - split + 3) / 4);
    model_conv2d_pixels(w, t, 0, quads, x, start, narrow, 0, bias + split, y + split, results, (int)(own - split));
  }
}
#else
/* Four results of four pixels, or of one: their sums stay in registers. */
static void model_conv2d_tile(const model_window *const w, const model_conv2d_task t, const int pixels,
    const float *const restrict x, const size_t start, const float *restrict weights, const size_t width,
    float sums[4][4]) {
  const size_t step = pixels > 1 ? w->stride[1] * w->channels : 0;
  float a0 = 0.0f, a1 = 0.0f, a2 = 0.0f, a3 = 0.0f, b0 = 0.0f, b1 = 0.0f, b2 = 0.0f, b3 = 0.0f;
  float c0 = 0.0f, c1 = 0.0f, c2 = 0.0f, c3 = 0.0f, d0 = 0.0f, d1 = 0.0f, d2 = 0.0f, d3 = 0.0f;
  for (size_t k = 0; k < w->size[0]; ++k) {
    for (size_t l = 0; l < t.runs; ++l) {
      const float *restrict a = model_line_of(w, t.direct, t.row, k, x) + start + l * w->dilation[1] * w->channels;
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
    const float *const restrict x, const size_t start, const float *const restrict wide, const float *const restrict narrow,
    const float *const restrict bias, float *const restrict y, const size_t results) {
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4, taps = w->size[0] * w->size[1] * t.channels;
  for (size_t at = 0; at < own; at += 4) {
    const size_t panel = at / MODEL_PANEL * MODEL_PANEL, used = own - at < 4 ? own - at : 4;
    const size_t width = at >= split ? padded : split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const float *const table = at >= split ? narrow + (at - split) : wide + panel * taps + (at - panel);
    for (size_t j = 0; j < w->results[1];) {
      const size_t pixels = w->results[1] - j < 4 ? 1 : 4;
      float sums[4][4];
      model_conv2d_tile(w, t, (int)pixels, x, start + j * w->stride[1] * w->channels, table, width, sums);
      for (size_t p = 0; p < pixels; ++p, ++j) {
        for (size_t o = 0; o < used; ++o) {
          const float sum = sums[p][o] + bias[at + o]; /* never -0 */
          y[j * results + at + o] = (t.relu && sum < 0.0f ? 0.0f : sum) + 0.0f;
        }
      }
    }
  }
}
#endif

/* Row `row` of y [height, width, results]. Of each group the weights are [positions, results of the group] in panels of 128 columns
 * (`wide`) and a rest (`narrow`), as for products; the bias of each group is padded to fours. */
MODEL_INLINE MODEL_WIDE void model_conv2d_row(const model_window *const w, const size_t results, const size_t groups,
    const int direct, const int relu, const size_t row, const float *const restrict x, const float *const restrict wide,
    const float *const restrict narrow, const float *const restrict bias, float *const restrict y) {
  const size_t own = results / groups, channels = w->channels / groups, taps = w->size[0] * w->size[1] * channels;
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  const int joined = groups == 1 && w->dilation[1] == 1;
  const model_conv2d_task t = {
      direct, relu, row, channels, joined ? w->size[1] * channels : channels, joined ? 1 : w->size[1]};
  for (size_t g = 0; g < groups; ++g) {
    model_conv2d_group(w, t, own, x, g * channels, wide + g * taps * split, narrow + g * taps * padded,
        bias + g * (split + padded), y + g * own, results);
  }
}

#endif

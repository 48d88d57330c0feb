#ifndef MODEL_KERNEL_DEPTHWISE2D
#define MODEL_KERNEL_DEPTHWISE2D

#include "image_lines.c"
#include "narrow_vectors.c"

/* One row of results: windows over the rows of `x`, as above. */
typedef struct {
  int direct, relu;
  size_t row;
} model_depthwise2d_task;

#if MODEL_LANES > 1
#if MODEL_LANES == 16 || defined(__aarch64__)
#define MODEL_DEPTHWISE_PIXELS 6 /* 32 vector registers */
#else
#define MODEL_DEPTHWISE_PIXELS 4 /* 16 vector registers */
#endif

/* The tap of window `p` of a tile that column `j` of its line meets; w->size[1]: none. */
MODEL_INLINE size_t model_depthwise2d_tap(const model_window *const w, const size_t j, const size_t p) {
  const size_t at = j - p * w->stride[1], dilation = w->dilation[1];
  return j < p * w->stride[1] || at % dilation != 0 ? w->size[1] : at / dilation;
}

/* A function for a vector of channels of `pixels` neighbours: an element that has been loaded serves all windows that reach it.
 */
#define MODEL_DEPTHWISE2D_TILE(name, type) \
  MODEL_INLINE MODEL_WIDE void name(const model_window *const w, const model_depthwise2d_task t, const size_t pixels, \
      const float *const restrict x, const float *const restrict weights, const float *const restrict bias, \
      float *const restrict y) { \
    const size_t channels = w->channels; \
    const size_t width = (pixels - 1) * w->stride[1] + (w->size[1] - 1) * w->dilation[1] + 1; \
    type a[MODEL_DEPTHWISE_PIXELS]; \
    MODEL_UNROLL for (size_t p = 0; p < pixels; ++p) { a[p] = (type){0.0f}; } \
    MODEL_UNROLL for (size_t k = 0; k < w->size[0]; ++k) { \
      const float *const line = model_line_of(w, t.direct, t.row, k, x); \
      MODEL_UNROLL for (size_t j = 0; j < width; ++j) { \
        type value = *(const type *)(line + j * channels), products[MODEL_DEPTHWISE_PIXELS]; \
        MODEL_HELD(value); \
        MODEL_UNROLL for (size_t p = 0; p < pixels; ++p) { \
          const size_t l = model_depthwise2d_tap(w, j, p); \
          if (l < w->size[1]) { \
            products[p] = value * *(const type *)(weights + (k * w->size[1] + l) * channels); \
            MODEL_HELD(products[p]); \
          } \
        } \
        MODEL_UNROLL for (size_t p = 0; p < pixels; ++p) { \
          if (model_depthwise2d_tap(w, j, p) < w->size[1]) { \
            a[p] += products[p]; \
            MODEL_HELD(a[p]); \
          } \
        } \
      } \
    } \
    MODEL_UNROLL for (size_t p = 0; p < pixels; ++p) { \
      const type sum = a[p] + *(const type *)bias; \
      *(type *)(y + p * channels) = t.relu ? MODEL_CUT(type, sum) : sum; \
    } \
  }
MODEL_DEPTHWISE2D_TILE(model_depthwise2d_wide_tile, model_vector)
MODEL_DEPTHWISE2D_TILE(model_depthwise2d_quad_tile, model_quad)
#if MODEL_LANES > 4
MODEL_DEPTHWISE2D_TILE(model_depthwise2d_oct_tile, model_oct)
#endif

/* A tile of one vector of `lanes`. */
MODEL_INLINE MODEL_WIDE void model_depthwise2d_tile(const model_window *const w, const model_depthwise2d_task t,
    const size_t lanes, const size_t pixels, const float *const restrict x, const float *const restrict weights,
    const float *const restrict bias, float *const restrict y) {
  if (lanes == MODEL_LANES) {
    model_depthwise2d_wide_tile(w, t, pixels, x, weights, bias, y);
    return;
  }
#if MODEL_LANES > 4
  if (lanes == 8) {
    model_depthwise2d_oct_tile(w, t, pixels, x, weights, bias, y);
    return;
  }
#endif
  model_depthwise2d_quad_tile(w, t, pixels, x, weights, bias, y);
}

/* Channels [first, channels) that fill vectors of `lanes`, of the whole row; returns the channel after them. */
MODEL_INLINE MODEL_WIDE size_t model_depthwise2d_vectors(const model_window *const w, const model_depthwise2d_task t,
    const size_t lanes, const size_t first, const float *const restrict x, const float *const restrict weights,
    const float *const restrict bias, float *const restrict y) {
  const size_t channels = w->channels, step = w->stride[1] * channels;
  const size_t count = w->results[1], tiles = (count + MODEL_DEPTHWISE_PIXELS - 1) / MODEL_DEPTHWISE_PIXELS;
  const size_t longer = count % tiles, pixels = count / tiles;
  size_t c = first;
  for (; c + lanes <= channels; c += lanes) {
    size_t j = 0;
    for (size_t n = 0; n < longer; ++n, j += pixels + 1) {
      model_depthwise2d_tile(w, t, lanes, pixels + 1, x + c + j * step, weights + c, bias + c, y + j * channels + c);
    }
    for (; j < count; j += pixels) {
      model_depthwise2d_tile(w, t, lanes, pixels, x + c + j * step, weights + c, bias + c, y + j * channels + c);
    }
  }
  return c;
}
#endif

/* Four channels of two neighbours or of one pixel, or one channel of one pixel: their sums stay in registers. */
MODEL_INLINE void model_depthwise2d_sums(const model_window *const w, const model_depthwise2d_task t, const int two,
    const int four, const float *const restrict x, const MODEL_TABLE float *restrict weights, float sums[2][4]) {
  float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f, e = 0.0f, f = 0.0f, g = 0.0f, h = 0.0f;
  const size_t channels = w->channels, step = w->stride[1] * channels, apart = w->dilation[1] * channels;
  for (size_t k = 0; k < w->size[0]; ++k) {
    const float *from = model_line_of(w, t.direct, t.row, k, x), *next = two ? from + step : from;
    for (const MODEL_TABLE float *const end = weights + w->size[1] * channels; weights < end;
        from += apart, weights += channels) {
      a += from[0] * weights[0];
      if (four) {
        b += from[1] * weights[1];
        c += from[2] * weights[2];
        d += from[3] * weights[3];
      }
      if (two) {
        e += next[0] * weights[0];
        f += next[1] * weights[1];
        g += next[2] * weights[2];
        h += next[3] * weights[3];
        next += apart;
      }
    }
  }
  const float all[2][4] = {{a, b, c, d}, {e, f, g, h}};
  for (size_t i = 0; i < 8; ++i) {
    sums[i / 4][i % 4] = all[i / 4][i % 4];
  }
}

/* Channels [first, channels) of the row, in fours as long as there are four. */
static void model_depthwise2d_rest(const model_window *const w, const model_depthwise2d_task t, const size_t first,
    const float *const restrict x, const MODEL_TABLE float *const restrict weights,
    const MODEL_TABLE float *const restrict bias, float *const restrict y) {
  const size_t channels = w->channels, step = w->stride[1] * channels;
  for (size_t c = first, count; c < channels; c += count) {
    count = channels - c < 4 ? 1 : 4;
    for (size_t j = 0, pixels; j < w->results[1]; j += pixels) {
      float sums[2][4];
      pixels = count == 4 && w->results[1] - j > 1 ? 2 : 1;
      if (pixels == 2) {
        model_depthwise2d_sums(w, t, 1, 1, x + j * step + c, weights + c, sums);
      } else if (count == 4) {
        model_depthwise2d_sums(w, t, 0, 1, x + j * step + c, weights + c, sums);
      } else {
        model_depthwise2d_sums(w, t, 0, 0, x + j * step + c, weights + c, sums);
      }
      for (size_t p = 0; p < pixels; ++p) {
        for (size_t i = 0; i < count; ++i) {
          const float sum = sums[p][i] + bias[c + i]; /* never -0 */
          y[(j + p) * channels + c + i] = t.relu && sum < 0.0f ? 0.0f : sum;
        }
      }
    }
  }
}

/* Row `row` of y [height, width, channels]: each channel with a window of its own, of weights [row, column, channel]. Each sum
 * starts at +0 and takes the positions in the order row, column; the bias comes last. */
MODEL_INLINE MODEL_WIDE void model_depthwise2d_row(const model_window *const w, const int direct, const int relu,
    const size_t row, const float *const restrict x, const MODEL_TABLE float *const restrict weights,
    const MODEL_TABLE float *const restrict bias, float *const restrict y) {
  const model_depthwise2d_task t = {direct, relu, row};
  size_t first = 0;
#if MODEL_LANES > 1
  first = model_depthwise2d_vectors(w, t, MODEL_LANES, first, x, weights, bias, y);
#if MODEL_LANES > 8
  first = model_depthwise2d_vectors(w, t, 8, first, x, weights, bias, y);
#endif
  first = model_depthwise2d_vectors(w, t, 4, first, x, weights, bias, y);
#endif
  if (first < w->channels) {
    model_depthwise2d_rest(w, t, first, x, weights, bias, y);
  }
}

#endif

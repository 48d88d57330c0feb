#ifndef MODEL_KERNEL_DEPTHWISE2D
#define MODEL_KERNEL_DEPTHWISE2D

#include "image_lines.c"
#include "relu.c"
#include "relu_vector.c"
#include "vectors.c"

#if MODEL_LANES > 1
#if MODEL_LANES == 16 || defined(__aarch64__)
#define MODEL_DEPTHWISE_PIXELS 6 /* 32 vector registers */
#else
#define MODEL_DEPTHWISE_PIXELS 4 /* 16 vector registers */
#endif

/* One vector of channels of `pixels` neighbours: an element that has been loaded serves all windows that reach it. */
MODEL_INLINE MODEL_WIDE void model_depthwise2d_tile(const model_window *const w, const int direct, const int relu,
    const size_t row, const size_t pixels, const float *const restrict x, const size_t start,
    const float *const restrict weights, const float *const restrict bias, float *const restrict y) {
  const size_t channels = w->channels, stride = w->stride[1], dilation = w->dilation[1];
  const size_t width = (pixels - 1) * stride + (w->size[1] - 1) * dilation + 1;
  model_vector a[MODEL_DEPTHWISE_PIXELS];
  MODEL_UNROLL for (size_t p = 0; p < pixels; ++p) { a[p] = (model_vector){0.0f}; }
  MODEL_UNROLL for (size_t k = 0; k < w->size[0]; ++k) {
    const float *const line = model_line_of(w, direct, row, k, x) + start;
    MODEL_UNROLL for (size_t j = 0; j < width; ++j) {
      const model_vector value = MODEL_VECTOR(line + j * channels);
      MODEL_UNROLL for (size_t p = 0; p < pixels; ++p) {
        const size_t l = (j - p * stride) / dilation; /* left of the window: wraps to a large number */
        if (j >= p * stride && (j - p * stride) % dilation == 0 && l < w->size[1]) {
          a[p] += value * MODEL_VECTOR(weights + (k * w->size[1] + l) * channels);
        }
      }
    }
  }
  MODEL_UNROLL for (size_t p = 0; p < pixels; ++p) {
    const model_vector sum = a[p] + MODEL_VECTOR(bias);
    MODEL_STORE(y + p * channels) = relu ? model_relu_vector(sum) : sum;
  }
}

/* The channels that fill vectors, of the whole row; returns how many these are. */
MODEL_INLINE MODEL_WIDE size_t model_depthwise2d_vectors(const model_window *const w, const int direct, const int relu,
    const size_t row, const float *const restrict x, const float *const restrict weights, const float *const restrict bias,
    float *const restrict y) {
  const size_t channels = w->channels, step = w->stride[1] * channels, filled = channels / MODEL_LANES * MODEL_LANES;
  const size_t count = w->results[1], tiles = (count + MODEL_DEPTHWISE_PIXELS - 1) / MODEL_DEPTHWISE_PIXELS;
  const size_t longer = count % tiles, pixels = count / tiles;
  for (size_t c = 0; c < filled; c += MODEL_LANES) {
    size_t j = 0;
    for (size_t n = 0; n < longer; ++n, j += pixels + 1) {
      model_depthwise2d_tile(
          w, direct, relu, row, pixels + 1, x, c + j * step, weights + c, bias + c, y + j * channels + c);
    }
    for (; j < count; j += pixels) {
      model_depthwise2d_tile(w, direct, relu, row, pixels, x, c + j * step, weights + c, bias + c, y + j * channels + c);
    }
  }
  return filled;
}
#endif

/* Four channels, or one, of one pixel: their sums stay in registers. */
MODEL_INLINE void model_depthwise2d_pixel(const model_window *const w, const int direct, const size_t row, const int four,
    const float *const restrict x, const size_t start, const float *restrict weights, float sums[4]) {
  float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
  for (size_t k = 0; k < w->size[0]; ++k) {
    const float *from = model_line_of(w, direct, row, k, x) + start;
    for (size_t l = 0; l < w->size[1]; ++l, from += w->dilation[1] * w->channels, weights += w->channels) {
      a += from[0] * weights[0];
      if (four) {
        b += from[1] * weights[1];
        c += from[2] * weights[2];
        d += from[3] * weights[3];
      }
    }
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/* Channels [first, channels) of the row, in fours as long as there are four. */
static void model_depthwise2d_rest(const model_window *const w, const int direct, const int relu, const size_t row,
    const size_t first, const float *const restrict x, const float *const restrict weights, const float *const restrict bias,
    float *const restrict y) {
  for (size_t j = 0; j < w->results[1]; ++j) {
    for (size_t c = first; c < w->channels;) {
      const size_t start = j * w->stride[1] * w->channels + c, count = w->channels - c < 4 ? 1 : 4;
      float sums[4];
      if (count == 4) {
        model_depthwise2d_pixel(w, direct, row, 1, x, start, weights + c, sums);
      } else {
        model_depthwise2d_pixel(w, direct, row, 0, x, start, weights + c, sums);
      }
      for (size_t i = 0; i < count; ++i, ++c) {
        const float sum = sums[i] + bias[c];
        y[j * w->channels + c] = relu ? model_relu(sum) : sum;
      }
    }
  }
}

/* Row `row` of y [height, width, channels]: each channel with a window of its own, of weights [row, column, channel]. Each sum
 * starts at +0 and takes the positions in the order row, column; the bias comes last. */
MODEL_INLINE MODEL_WIDE void model_depthwise2d_row(const model_window *const w, const int direct, const int relu,
    const size_t row, const float *const restrict x, const float *const restrict weights, const float *const restrict bias,
    float *const restrict y) {
  size_t first = 0;
#if MODEL_LANES > 1
  first = model_depthwise2d_vectors(w, direct, relu, row, x, weights, bias, y);
#endif
  if (first < w->channels) {
    model_depthwise2d_rest(w, direct, relu, row, first, x, weights, bias, y);
  }
}

#endif

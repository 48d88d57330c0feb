#ifndef MODEL_KERNEL_MAX_POOL2D
#define MODEL_KERNEL_MAX_POOL2D

#include "from_bits.c"
#include "line_width.c"
#include "unroll.c"

/* The larger of two; a NaN counts as the larger. */
MODEL_INLINE float model_larger(const float value, const float old) {
  const float larger = value > old ? value : old;
  return value == value ? larger : value;
}

/* The largest of each column of a plane in the rows that the windows of row `row` have: in `line`, behind its padding. Rows in
 * threes, then in twos, the last one as often as needed. */
MODEL_INLINE void model_largest_rows(
    const model_window *const w, const size_t row, const float *const restrict x, float *const restrict line) {
  const size_t width = model_line_width(w), left = w->padding[1] < width ? w->padding[1] : width;
  const size_t count = width - left < w->sample[1] ? width - left : w->sample[1];
  const size_t top = row * w->stride[0], step = w->dilation[0] * w->sample[1];
  size_t first = 0, end = w->size[0]; /* rows of the window inside the sample */
  while (first < end && top + first * w->dilation[0] < w->padding[0]) {
    ++first;
  }
  while (end > first && top + (end - 1) * w->dilation[0] - w->padding[0] >= w->sample[0]) {
    --end;
  }
  float *const restrict largest = line + left;
  if (first == end) {
    for (size_t j = 0; j < count; ++j) {
      largest[j] = model_from_bits(0xff800000u);
    }
    return;
  }
  const size_t last = end - first - 1;
  const float *const restrict a = x + (top + first * w->dilation[0] - w->padding[0]) * w->sample[1];
  const float *const restrict b = a + (last > 1 ? 1 : last) * step, *const restrict c = a + (last > 2 ? 2 : last) * step;
  for (size_t j = 0; j < count; ++j) {
    largest[j] = model_larger(c[j], model_larger(b[j], a[j]));
  }
  for (size_t k = 3; k <= last; k += 2) {
    const float *const restrict d = a + k * step, *const restrict e = a + (k < last ? k + 1 : last) * step;
    for (size_t j = 0; j < count; ++j) {
      largest[j] = model_larger(e[j], model_larger(d[j], largest[j]));
    }
  }
}

/* The largest inside each window; a NaN counts as the largest. Of two `lines` with -inf as padding one gets the largest of the
 * rows of the next windows, while the other is read: processors wait long to read across what they have just written. */
MODEL_INLINE void model_max_pool2d(
    const model_window *const w, const float *const restrict x, float *const restrict lines, float *const restrict y) {
  const size_t width = model_line_width(w), rows = w->results[0];
  for (size_t j = 0; j < 2 * width; ++j) {
    lines[j] = model_from_bits(0xff800000u);
  }
  model_largest_rows(w, 0, x, lines);
  for (size_t r = 0; r < w->channels * rows; ++r) {
    const size_t next = r + 1;
    if (next < w->channels * rows) {
      model_largest_rows(w, next % rows, x + next / rows * w->sample[0] * w->sample[1], lines + next % 2 * width);
    }
    const float *const line = lines + r % 2 * width;
    for (size_t j = 0; j < w->results[1]; ++j) {
      float largest = model_from_bits(0xff800000u);
      MODEL_UNROLL for (size_t l = 0; l < w->size[1]; ++l) {
        largest = model_larger(line[j * w->stride[1] + l * w->dilation[1]], largest);
      }
      y[r * w->results[1] + j] = largest + 0.0f; /* one sign of zero, whichever of two was taken */
    }
  }
}

#endif

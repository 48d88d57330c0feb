#ifndef MODEL_KERNEL_AVG_POOL2D
#define MODEL_KERNEL_AVG_POOL2D

#include "avg_pool2d_count.c"
#include "fill_lines.c"
#include "unroll.c"

/* The mean inside each window, in the order row, column. `lines`: the rows that windows read, with zeros of the padding beside
 * them, which change no sum; NULL where all windows lie inside of the sample. `divisor`: instead of the count of positions,
 * unless it is 0. */
MODEL_INLINE void model_avg_pool2d(const model_window *const w, const int padded, const size_t divisor,
    const float *const restrict x, float *const restrict lines, float *const restrict y) {
  model_window plane = *w;
  plane.channels = 1;
  for (size_t r = 0; r < w->channels * w->results[0]; ++r) {
    const size_t channel = r / w->results[0], row = r % w->results[0];
    const float *const from = x + channel * w->sample[0] * w->sample[1];
    float *const restrict means = y + r * w->results[1];
    if (lines != NULL) {
      model_fill_lines(&plane, 1, row, from, lines);
    }
    for (size_t k = 0; k < w->size[0]; ++k) {
      const float *const line = model_line_of(&plane, lines == NULL, row, k, lines == NULL ? from : lines);
      for (size_t j = 0; j < w->results[1]; ++j) {
        float sum = k > 0 ? means[j] : 0.0f;
        MODEL_UNROLL for (size_t l = 0; l < w->size[1]; ++l) { sum += line[j * w->stride[1] + l]; }
        means[j] = sum;
      }
    }
    const size_t rows = model_avg_pool2d_count(w, 0, row * w->stride[0], padded);
    for (size_t j = 0; j < w->results[1]; ++j) {
      const size_t count = divisor > 0 ? divisor : rows * model_avg_pool2d_count(w, 1, j * w->stride[1], padded);
      means[j] /= (float)(int32_t)count;
    }
  }
}

#endif

#ifndef MODEL_KERNEL_CONV3D
#define MODEL_KERNEL_CONV3D

#include "fill_line.c"

/* A window that slides over a sample [channels, depth, height, width], as one over its lines: those of each depth of the window
 * follow each other. `height` and `rows`: of the sample and of the results; `size` to `dilation`: over depths and over rows. */
typedef struct {
  size_t height, rows;
  size_t size[2], stride[2], padding[2], dilation[2];
} model_volume;

/* Fills the lines that the windows of line `at` of the results read, from x [channels, depth * height, width]. Lines of the
 * windows of the line before are moved where these read them again. */
MODEL_INLINE void model_fill_volume(const model_window *const w, const model_volume *const v, const size_t at,
    const float *const restrict x, float *const lines) {
  const size_t line = model_line_width(w) * w->channels, depth = at / v->rows * v->stride[0], row = at % v->rows * v->stride[1];
  const size_t moved = at % v->rows > 0 && v->dilation[1] == 1 && v->size[1] > v->stride[1] ? v->size[1] - v->stride[1] : 0;
  for (size_t d = 0; d < v->size[0]; ++d) {
    const size_t z = depth + d * v->dilation[0] - v->padding[0]; /* before the sample: wraps to the largest */
    float *const own = lines + d * v->size[1] * line;
    for (size_t e = 0; e < moved * line; ++e) {
      own[e] = own[e + v->stride[1] * line];
    }
    for (size_t k = moved; k < v->size[1]; ++k) {
      const size_t i = row + k * v->dilation[1] - v->padding[1];
      const int inside = i < v->height && z < w->sample[0] / v->height;
      model_fill_line(w, 0, inside ? z * v->height + i : w->sample[0], x, own + k * line);
    }
  }
}

#endif

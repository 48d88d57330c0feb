#ifndef MODEL_KERNEL_INTEGER_CONV2D
#define MODEL_KERNEL_INTEGER_CONV2D

#include "byte_lines.c"
#include "panel.c"
#include "requantise.c"

/* One row of a convolution of bytes: windows over the rows of `x`, see byte_lines.c. A row of a window is `runs` runs of `run`
 * neighbours, which are read in fours: weights behind the end of a run are 0. With a step bytes `y`, else the sums. */
typedef struct {
  int direct;
  size_t row, results, fours, run, runs; /* `fours` of a sum */
  const model_step *step;
} model_integer_conv2d_task;

#define MODEL_INTEGER_PIXELS 2

/* Sums of four results of up to two pixels. weights[g * step + 4 column + k] belongs to input 4 g + k. */
static void model_integer_conv2d_tile(const model_window *const w, const model_integer_conv2d_task t, const size_t pixels,
    const uint8_t *const restrict x, const int8_t *restrict weights, const size_t step, const int32_t *const restrict bias,
    int32_t sums[MODEL_INTEGER_PIXELS][4]) {
  const size_t next = pixels > 1 ? w->stride[1] * w->channels : 0;
  int32_t a0 = bias[0], a1 = bias[1], a2 = bias[2], a3 = bias[3], b0 = a0, b1 = a1, b2 = a2, b3 = a3;
  for (size_t k = 0; k < w->size[0]; ++k) {
    for (size_t l = 0; l < t.runs; ++l) {
      const uint8_t *restrict a = model_byte_line_of(w, t.direct, t.row, k, x) + l * w->dilation[1] * w->channels;
      for (size_t i = 0; i < t.run; i += 4, a += 4, weights += step) {
        const uint8_t *const b = a + next;
        const int8_t *const v = weights;
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
  const int32_t all[MODEL_INTEGER_PIXELS][4] = {{a0, a1, a2, a3}, {b0, b1, b2, b3}};
  for (size_t p = 0; p < MODEL_INTEGER_PIXELS; ++p) {
    for (size_t j = 0; j < 4; ++j) {
      sums[p][j] = all[p][j];
    }
  }
}

/* One group: columns in fours, and pixels in twos. `first`: the first of its results. */
static void model_integer_conv2d_group(const model_window *const w, const model_integer_conv2d_task t, const size_t own,
    const size_t first, const uint8_t *const restrict x, const int8_t *const restrict wide, const int8_t *const restrict narrow,
    const int32_t *const restrict bias, uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  for (size_t at = 0; at < own; at += 4) {
    const size_t panel = at / MODEL_PANEL * MODEL_PANEL, used = own - at < 4 ? own - at : 4;
    const size_t width = at >= split ? padded : split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const int8_t *const table = at >= split ? narrow + (at - split) * 4 : wide + (panel * t.fours + at - panel) * 4;
    for (size_t j = 0; j < w->results[1]; j += MODEL_INTEGER_PIXELS) {
      const size_t pixels = w->results[1] - j < MODEL_INTEGER_PIXELS ? w->results[1] - j : MODEL_INTEGER_PIXELS;
      int32_t found[MODEL_INTEGER_PIXELS][4];
      model_integer_conv2d_tile(w, t, pixels, x + j * w->stride[1] * w->channels, table, width * 4, bias + at, found);
      for (size_t p = 0; p < pixels; ++p) {
        const size_t place = (j + p) * t.results + first + at;
        if (t.step != NULL) {
          model_requantise(t.step, first + at, used, found[p], y + place);
          continue;
        }
        for (size_t o = 0; o < used; ++o) {
          sums[place + o] = found[p][o];
        }
      }
    }
  }
}

/* Row `row` of y or sums [height, width, results]. Of each group the weights are [fours, results of the group, 4] in panels of
 * 128 columns (`wide`) and a rest (`narrow`), as for products; the bias of each group is padded to fours. */
MODEL_INLINE void model_integer_conv2d_row(const model_window *const w, const size_t results, const size_t groups,
    const int direct, const size_t row, const uint8_t *const restrict x, const int8_t *const restrict wide,
    const int8_t *const restrict narrow, const int32_t *const restrict bias, const model_step *const step,
    uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t own = results / groups, channels = w->channels / groups;
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4;
  const int joined = groups == 1 && w->dilation[1] == 1;
  const size_t run = joined ? w->size[1] * channels : channels, runs = joined ? 1 : w->size[1];
  const size_t fours = w->size[0] * runs * ((run + 3) / 4);
  const model_integer_conv2d_task t = {direct, row, results, fours, run, runs, step};
  for (size_t g = 0; g < groups; ++g) {
    model_integer_conv2d_group(w, t, own, g * own, x + g * channels, wide + g * fours * split * 4,
        narrow + g * fours * padded * 4, bias + g * (split + padded), y, sums);
  }
}

#endif

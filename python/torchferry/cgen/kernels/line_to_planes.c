#ifndef MODEL_KERNEL_LINE_TO_PLANES
#define MODEL_KERNEL_LINE_TO_PLANES

#include "window.c"

/* Row `row` of results [width, results] to planes [results, height, width]. */
MODEL_INLINE void model_line_to_planes(const model_window *const w, const size_t results, const size_t row,
    const float *const restrict line, float *const restrict y) {
  for (size_t o = 0; o < results; ++o) {
    for (size_t j = 0; j < w->results[1]; ++j) {
      y[(o * w->results[0] + row) * w->results[1] + j] = line[j * results + o];
    }
  }
}

#endif

#ifndef MODEL_KERNEL_SPREAD_LINE
#define MODEL_KERNEL_SPREAD_LINE

#include "compiler.c"

/* Results of neighbours [count, results] to y, whose pixels are `apart` elements apart and whose results `between`. */
MODEL_INLINE void model_spread_line(const size_t count, const size_t results, const size_t apart, const size_t between,
    const float *const restrict line, float *const restrict y) {
  if (between == 1) {
    for (size_t j = 0; j < count; ++j) {
      for (size_t o = 0; o < results; ++o) {
        y[j * apart + o] = line[j * results + o];
      }
    }
    return;
  }
  for (size_t o = 0; o < results; ++o) {
    for (size_t j = 0; j < count; ++j) {
      y[j * apart + o * between] = line[j * results + o];
    }
  }
}

#endif

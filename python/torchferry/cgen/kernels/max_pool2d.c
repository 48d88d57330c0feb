#ifndef MODEL_KERNEL_MAX_POOL2D
#define MODEL_KERNEL_MAX_POOL2D

#include "from_bits.c"
#include "window.c"

/* The largest inside each window; a NaN counts as the largest. */
MODEL_INLINE void model_max_pool2d(const model_window *const w, const float *const restrict x, float *const restrict y) {
  for (size_t r = 0; r < w->channels * w->results[0]; ++r) {
    const size_t channel = r / w->results[0], row = r % w->results[0];
    for (size_t j = 0; j < w->results[1]; ++j) {
      float largest = model_from_bits(0xff800000u);
      for (size_t k = 0; k < w->size[0]; ++k) {
        for (size_t l = 0; l < w->size[1]; ++l) {
          const size_t i =
              row * w->stride[0] + k * w->dilation[0] - w->padding[0]; /* before the sample: wraps to the largest */
          const size_t at = j * w->stride[1] + l * w->dilation[1] - w->padding[1];
          if (i < w->sample[0] && at < w->sample[1]) {
            const float value = x[(channel * w->sample[0] + i) * w->sample[1] + at];
            largest = value > largest || value != value ? value : largest;
          }
        }
      }
      y[r * w->results[1] + j] = largest + 0.0f; /* one sign of zero, whichever of two was taken */
    }
  }
}

#endif

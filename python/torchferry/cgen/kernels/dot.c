#ifndef MODEL_KERNEL_DOT
#define MODEL_KERNEL_DOT

#include "vectors.c"

/* One output: sixteen partial sums over i mod 16, added pairwise, and the bias last. */
MODEL_INLINE MODEL_WIDE float model_dot(
    const size_t count, const float *const restrict x, const MODEL_TABLE float *const restrict w, const float bias) {
  float sums[16] = {0.0f};
  size_t i = 0;
#if MODEL_LANES > 1
  model_vector a[16 / MODEL_LANES];
  for (int t = 0; t < 16 / MODEL_LANES; ++t) {
    a[t] = (model_vector){0.0f};
  }
  for (; i + 16 <= count; i += 16) {
    for (int t = 0; t < 16 / MODEL_LANES; ++t) {
      a[t] += MODEL_VECTOR(x + i + t * MODEL_LANES) * MODEL_VECTOR(w + i + t * MODEL_LANES);
    }
  }
  for (int t = 0; t < 16 / MODEL_LANES; ++t) {
    *(model_vector *)(sums + t * MODEL_LANES) = a[t];
  }
#else
  for (; i + 16 <= count; i += 16) {
    for (size_t s = 0; s < 16; ++s) {
      sums[s] += x[i + s] * w[i + s];
    }
  }
#endif
  for (size_t s = 0; i + s < count; ++s) {
    sums[s] += x[i + s] * w[i + s];
  }
  for (size_t half = 8; half > 0; half /= 2) {
    for (size_t s = 0; s < half; ++s) {
      sums[s] += sums[s + half];
    }
  }
  return sums[0] + bias;
}

#endif

#ifndef MODEL_KERNEL_LARGEST
#define MODEL_KERNEL_LARGEST

#include "narrow_vectors.c"

/* The larger of two vectors, lane by lane: `a` where `b` is a NaN. */
#if MODEL_LANES > 1
#define MODEL_LARGER(type, a, b) \
  ((type)(((type##_bits)(b) & (type##_bits)((a) < (b))) | ((type##_bits)(a) & ~(type##_bits)((a) < (b)))))
#endif

/* The largest of a row; a NaN in the first place, which stays, or else the largest number. */
MODEL_INLINE float model_largest(const size_t width, const float *const x) {
  float largest = x[0];
  size_t j = 1;
#if MODEL_LANES > 1
  if (width >= MODEL_LANES) {
    model_vector a = (model_vector){0.0f} + x[0];
    for (j = 0; j + MODEL_LANES <= width; j += MODEL_LANES) {
      a = MODEL_LARGER(model_vector, a, MODEL_VECTOR(x + j));
    }
    float lanes[MODEL_LANES];
    *(model_vector *)lanes = a;
    model_quad b = MODEL_QUAD(lanes);
    MODEL_UNROLL for (size_t s = 4; s < MODEL_LANES; s += 4) { b = MODEL_LARGER(model_quad, b, MODEL_QUAD(lanes + s)); }
    largest = b[0] < b[1] ? b[1] : b[0];
    const float other = b[2] < b[3] ? b[3] : b[2];
    largest = largest < other ? other : largest;
  }
#endif
  for (; j < width; ++j) {
    largest = largest < x[j] ? x[j] : largest;
  }
  return largest + 0.0f; /* one sign of zero, whichever of two was taken */
}

#endif

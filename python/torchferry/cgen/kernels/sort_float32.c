#ifndef MODEL_KERNEL_SORT_FLOAT32
#define MODEL_KERNEL_SORT_FLOAT32

#include "compiler.c"

/* Does b stand before a, which stood before it? */
MODEL_INLINE int model_before_float32(const int descending, const float a, const float b) {
  return descending ? b > a || (b != b && a == a) : b < a || (a != a && b == b);
}

/* The places of `width` numbers in their order, by merging runs of 1, 2, 4 ... places; equal ones keep their order.
 * `other`: room for as many. */
MODEL_INLINE void model_sort_float32(const size_t width, const int descending, const float *const restrict x,
    int64_t *const restrict order, int64_t *const restrict other) {
  for (size_t j = 0; j < width; ++j) {
    order[j] = (int64_t)j;
  }
  for (size_t run = 1; run < width; run *= 2) {
    for (size_t j = 0; j < width; ++j) {
      other[j] = order[j];
    }
    for (size_t start = 0; start < width; start += 2 * run) {
      const size_t middle = width - start < run ? width : start + run;
      const size_t end = width - middle < run ? width : middle + run;
      size_t a = start, b = middle;
      for (size_t j = start; j < end; ++j) {
        const int second = b < end && (a == middle || model_before_float32(descending, x[other[a]], x[other[b]]));
        order[j] = other[second ? b++ : a++];
      }
    }
  }
}

#endif

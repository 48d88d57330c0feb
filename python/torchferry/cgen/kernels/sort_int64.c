#ifndef MODEL_KERNEL_SORT_INT64
#define MODEL_KERNEL_SORT_INT64

#include "compiler.c"

/* Does b stand before a, which stood before it? */
MODEL_INLINE int model_before_int64(const int descending, const int64_t a, const int64_t b) {
  return descending ? b > a : b < a;
}

/* The places of `width` numbers in their order, by merging runs of 1, 2, 4 ... places; equal ones keep their order.
 * `other`: room for as many. */
MODEL_INLINE void model_sort_int64(const size_t width, const int descending, const int64_t *const restrict x,
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
        const int second = b < end && (a == middle || model_before_int64(descending, x[other[a]], x[other[b]]));
        order[j] = other[second ? b++ : a++];
      }
    }
  }
}

#endif

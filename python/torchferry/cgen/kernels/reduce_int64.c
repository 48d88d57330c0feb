#ifndef MODEL_KERNEL_REDUCE_INT64
#define MODEL_KERNEL_REDUCE_INT64

#include "compiler.c"

/* The sum, product, largest and smallest of `count` elements that lie `stride` apart; bits wrap. */
MODEL_INLINE int64_t model_reduce_sum_int64(const size_t count, const size_t stride, const int64_t *const x) {
  uint64_t sum = 0;
  for (size_t j = 0; j < count; ++j) {
    sum += (uint64_t)x[j * stride];
  }
  return (int64_t)sum;
}

MODEL_INLINE int64_t model_reduce_prod_int64(const size_t count, const size_t stride, const int64_t *const x) {
  uint64_t product = 1;
  for (size_t j = 0; j < count; ++j) {
    product *= (uint64_t)x[j * stride];
  }
  return (int64_t)product;
}

MODEL_INLINE int64_t model_reduce_max_int64(const size_t count, const size_t stride, const int64_t *const x) {
  int64_t best = x[0];
  for (size_t j = 1; j < count; ++j) {
    best = x[j * stride] > best ? x[j * stride] : best;
  }
  return best;
}

MODEL_INLINE int64_t model_reduce_min_int64(const size_t count, const size_t stride, const int64_t *const x) {
  int64_t best = x[0];
  for (size_t j = 1; j < count; ++j) {
    best = x[j * stride] < best ? x[j * stride] : best;
  }
  return best;
}

#endif

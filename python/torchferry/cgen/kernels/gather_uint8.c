#ifndef MODEL_KERNEL_GATHER_UINT8
#define MODEL_KERNEL_GATHER_UINT8

#include "gathered.c"

#if defined(__GNUC__)
typedef uint64_t model_eight __attribute__((aligned(1), may_alias));
MODEL_INLINE int model_eight_zeros(const uint8_t *const p) { return *(const model_eight *)p == 0; }
#else
MODEL_INLINE int model_eight_zeros(const uint8_t *const p) {
  return (p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) == 0;
}
#endif

/* Inputs from `*at` on that are not zero, with their numbers, until there are enough or no more; moves `*at` and returns how
 * many. Adding the others would change nothing. */
static size_t model_gather_uint8(const size_t count, size_t *const at, const uint8_t *const restrict x,
    float *const restrict values, uint32_t *const restrict rows) {
  size_t found = 0;
  size_t i = *at;
  for (; i + 8 <= count && found + 8 <= MODEL_GATHERED; i += 8) {
    if (model_eight_zeros(x + i)) {
      continue;
    }
    for (size_t k = i; k < i + 8; ++k) {
      values[found] = (float)x[k];
      rows[found] = (uint32_t)k;
      found += x[k] != 0 ? 1u : 0u;
    }
  }
  while (i < count && found < MODEL_GATHERED) {
    const size_t room = MODEL_GATHERED - found;
    const size_t end = count - i < room ? count : i + room; /* so far there is room for all of them */
    for (; i < end; ++i) {
      values[found] = (float)x[i];
      rows[found] = (uint32_t)i;
      found += x[i] != 0 ? 1u : 0u;
    }
  }
  *at = i;
  return found;
}

/* Are so few of the inputs zero that looking for them costs more than it saves? */
static int model_is_dense_uint8(const size_t count, const uint8_t *const x) {
  size_t zeros = 0;
  for (size_t start = 0; start < count;) {
    const size_t length = count - start < 240 ? count - start : 240;
    uint8_t part = 0; /* bytes: sixteen to sixty-four at once */
    for (size_t i = 0; i < length; ++i) {
      part = (uint8_t)(part + (x[start + i] == 0 ? 1 : 0));
    }
    zeros += part;
    start += length;
  }
  return zeros * 8 < count;
}

#endif

#ifndef MODEL_KERNEL_GATHER_FLOAT32
#define MODEL_KERNEL_GATHER_FLOAT32

#include "gathered.c"

/* Inputs from `*at` on that are not zero, with their numbers, until there are enough or no more; moves `*at` and returns how
 * many. Adding the others would change nothing. */
static size_t model_gather_float32(const size_t count, size_t *const at, const float *const restrict x,
    float *const restrict values, uint32_t *const restrict rows) {
  size_t found = 0;
  size_t i = *at;
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
static int model_is_dense_float32(const size_t count, const float *const x) {
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

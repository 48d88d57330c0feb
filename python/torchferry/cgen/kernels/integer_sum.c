#ifndef MODEL_KERNEL_INTEGER_SUM
#define MODEL_KERNEL_INTEGER_SUM

#include "saturations.c"

/* y = (a * of_a + b * of_b + offset) >> shift, kept within least..most. The sums stay in 32 bits. */
MODEL_INLINE void model_integer_sum(const size_t count, const uint8_t *const a, const uint8_t *const b, const int32_t of_a,
    const int32_t of_b, const int32_t offset, const int shift, const int32_t least,
    const int32_t most MODEL_IF_COUNTING(const int32_t lowest, const int32_t highest), uint8_t *const restrict y) {
  for (size_t j = 0; j < count; ++j) {
    const int32_t sum = (int32_t)a[j] * of_a + (int32_t)b[j] * of_b + offset;
    MODEL_COUNT_BEYOND(sum < lowest || sum > highest);
    const int32_t byte = sum < 0 ? 0 : sum >> shift;
    y[j] = (uint8_t)(byte > most ? most : (byte < least ? least : byte));
  }
}

#endif

#ifndef MODEL_KERNEL_LOOK_UP
#define MODEL_KERNEL_LOOK_UP

#include "index.c"
#include "step.c"

/* Puts the indices of the first sums of `count` columns in their place, as far as there are vectors for it: a bound that is
 * tested number by number is guessed wrong too often. Returns how many. */
MODEL_INLINE size_t model_indices(const model_step *const s, const size_t count, int32_t *const sums) {
  size_t j = 0;
#if defined(__AVX2__) && !defined(MODEL_COUNT_SATURATIONS)
  if (s->shift >= 32) {
#if defined(__AVX512VL__) && defined(__AVX512BW__)
    for (; j + 16 <= count; j += 16) {
      _mm512_storeu_si512(sums + j, model_sixteen_indices(s, j, sums + j));
    }
#endif
    for (; j + 8 <= count; j += 8) {
      _mm256_storeu_si256((__m256i *)(void *)(sums + j), model_eight_indices(s, j, sums + j));
    }
  }
#else
  (void)s, (void)count, (void)sums;
#endif
  return j;
}

/* The bytes that a table has for the sums of `pixels` times `count` columns: of pixels `between` elements from each other, of
 * columns `apart`. The sums are lost. */
MODEL_INLINE void model_look_up(const model_step *const s, const MODEL_TABLE uint8_t *const table, const size_t pixels,
    const size_t count, int32_t *const sums, const size_t between, const size_t apart, uint8_t *const y) {
  size_t found = 0;
  for (size_t i = 0; i < pixels; ++i) {
    found = model_indices(s, count, sums + i * count);
  }
  for (size_t i = 0; i < pixels; ++i) {
    const int32_t *const row = sums + i * count;
    uint8_t *const to = y + i * between;
    for (size_t j = 0; j < found; ++j) {
      to[j * apart] = table[row[j]];
    }
    for (size_t j = found; j < count; ++j) {
      to[j * apart] = table[model_index(
          row[j], s->multiplier[j], s->offset, s->shift, s->least, s->most MODEL_IF_COUNTING(s->lowest, s->highest))];
    }
  }
}

#endif

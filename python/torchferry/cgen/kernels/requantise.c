#ifndef MODEL_KERNEL_REQUANTISE
#define MODEL_KERNEL_REQUANTISE

#include "byte_halves.c"
#include "index.c"
#include "step.c"

/* The byte of a sum of a column. */
MODEL_INLINE uint8_t model_byte(const model_step *const s, const size_t column, const int32_t sum) {
#if defined(MODEL_HALVES) && !defined(MODEL_COUNT_SATURATIONS)
  if (s->shift >= 32) {
    const int64_t scaled = (int64_t)sum * s->multiplier[column] + s->offset;
    const int32_t byte = model_saturated((uint32_t)((int32_t)(scaled >> 32) >> (s->shift - 32)));
    if (s->least == 0 && s->most == 255) {
      return (uint8_t)byte;
    }
    return (uint8_t)(byte > s->most ? s->most : (byte < s->least ? s->least : byte));
  }
#endif
  return (uint8_t)model_index(
      sum, s->multiplier[column], s->offset, s->shift, s->least, s->most MODEL_IF_COUNTING(s->lowest, s->highest));
}

/* The bytes of the sums of `count` columns from column `first` on. */
MODEL_INLINE void model_requantise(
    const model_step *const s, const size_t first, const size_t count, const int32_t *const sums, uint8_t *const y) {
  size_t j = 0;
#if defined(__AVX512VL__) && defined(__AVX512BW__) && !defined(MODEL_COUNT_SATURATIONS)
  if (s->shift >= 32) {
    for (; j + 16 <= count; j += 16) {
      const __m512i kept = model_sixteen_indices(s, first + j, sums + j);
      _mm_storeu_si128((__m128i *)(void *)(y + j), _mm512_cvtepi32_epi8(kept));
    }
  }
#endif
#if defined(__AVX2__) && !defined(MODEL_COUNT_SATURATIONS)
  if (s->shift >= 32) {
    for (; j + 8 <= count; j += 8) {
      const __m256i kept = model_eight_indices(s, first + j, sums + j);
      const __m128i words = _mm_packus_epi32(_mm256_castsi256_si128(kept), _mm256_extracti128_si256(kept, 1));
      _mm_storel_epi64((__m128i *)(void *)(y + j), _mm_packus_epi16(words, words));
    }
  }
#endif
  for (; j < count; ++j) {
    y[j] = model_byte(s, first + j, sums[j]);
  }
}

#endif

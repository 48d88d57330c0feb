#ifndef MODEL_KERNEL_STEP
#define MODEL_KERNEL_STEP

#include "saturations.c"

#if defined(__AVX2__)
#include <immintrin.h>
#endif

/* From sums to bytes: (sum * multiplier[column] + offset) >> shift, kept within least..most. */
typedef struct {
  const MODEL_TABLE int32_t *multiplier;
  int64_t offset;
  int shift;
  int32_t least, most;
#if defined(MODEL_COUNT_SATURATIONS)
  int64_t lowest, highest; /* scaled sums beyond these saturate */
#endif
} model_step;

#if defined(__AVX512VL__) && defined(__AVX512BW__) && !defined(MODEL_COUNT_SATURATIONS)
/* The indices of sixteen sums. Where the shift is at least 32 the upper halves of the products are enough. */
MODEL_INLINE __m512i model_sixteen_indices(const model_step *const s, const size_t column, const int32_t *const sums) {
  const __m512i offset = _mm512_set1_epi64(s->offset);
  const __m512i least = _mm512_set1_epi32(s->least), most = _mm512_set1_epi32(s->most);
  const __m512i a = _mm512_loadu_si512(sums), b = _mm512_loadu_si512(s->multiplier + column);
  const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(a, b), offset);
  const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), offset);
  const __m512i upper = _mm512_mask_blend_epi32(0xaaaa, _mm512_srli_epi64(even, 32), odd);
  const __m512i index = _mm512_srai_epi32(upper, (unsigned)(s->shift - 32));
  return _mm512_min_epi32(_mm512_max_epi32(index, least), most);
}
#endif

#if defined(__AVX2__) && !defined(MODEL_COUNT_SATURATIONS)
/* The indices of eight sums, in the same way. */
MODEL_INLINE __m256i model_eight_indices(const model_step *const s, const size_t column, const int32_t *const sums) {
  const __m256i offset = _mm256_set1_epi64x(s->offset);
  const __m256i least = _mm256_set1_epi32(s->least), most = _mm256_set1_epi32(s->most);
  const __m256i a = _mm256_loadu_si256((const __m256i *)(const void *)sums);
  const __m256i b = _mm256_loadu_si256((const __m256i *)(const void *)(s->multiplier + column));
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(a, b), offset);
  const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), offset);
  const __m256i upper = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xaa);
  const __m256i index = _mm256_srai_epi32(upper, s->shift - 32);
  return _mm256_min_epi32(_mm256_max_epi32(index, least), most);
}
#endif

#endif

#ifndef MODEL_KERNEL_BYTE_PATHS
#define MODEL_KERNEL_BYTE_PATHS

#include "compiler.c"

/* ---- Products of bytes and signed bytes ---------------------------------------------------------------------------
 * Sums are exact in 32 bits, so every path gives the integers of the plain one. The target (-march, -mcpu, -msimd128) chooses:
 * VNNI and the dot products of Armv8.2 add four products to a sum per instruction; others multiply 16-bit numbers and add two;
 * the rest is plain C. */
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
#include <immintrin.h>
#define MODEL_VNNI 16 /* sums in a vector */
typedef __m512i model_sums;
typedef __m128i model_sum_quad; /* four sums */
MODEL_INLINE model_sums model_load_sums(const void *const p) { return _mm512_loadu_si512(p); }
MODEL_INLINE void model_store_sums(void *const p, const model_sums a) { _mm512_storeu_si512(p, a); }
MODEL_INLINE model_sums model_add_four(const model_sums a, const uint32_t x, const model_sums w) {
  return _mm512_dpbusd_epi32(a, _mm512_set1_epi32((int)x), w);
}
MODEL_INLINE model_sum_quad model_load_quad(const void *const p) { return _mm_loadu_si128((const __m128i *)p); }
MODEL_INLINE void model_store_quad(void *const p, const model_sum_quad a) { _mm_storeu_si128((__m128i *)p, a); }
MODEL_INLINE model_sum_quad model_add_four_quad(const model_sum_quad a, const uint32_t x, const model_sum_quad w) {
  return _mm_dpbusd_epi32(a, _mm_set1_epi32((int)x), w);
}
#elif defined(__AVXVNNI__)
#include <immintrin.h>
#define MODEL_VNNI 8
typedef __m256i model_sums;
typedef __m128i model_sum_quad; /* four sums */
MODEL_INLINE model_sums model_load_sums(const void *const p) { return _mm256_loadu_si256((const __m256i *)p); }
MODEL_INLINE void model_store_sums(void *const p, const model_sums a) { _mm256_storeu_si256((__m256i *)p, a); }
MODEL_INLINE model_sums model_add_four(const model_sums a, const uint32_t x, const model_sums w) {
  return _mm256_dpbusd_avx_epi32(a, _mm256_set1_epi32((int)x), w);
}
MODEL_INLINE model_sum_quad model_load_quad(const void *const p) { return _mm_loadu_si128((const __m128i *)p); }
MODEL_INLINE void model_store_quad(void *const p, const model_sum_quad a) { _mm_storeu_si128((__m128i *)p, a); }
MODEL_INLINE model_sum_quad model_add_four_quad(const model_sum_quad a, const uint32_t x, const model_sum_quad w) {
  return _mm_dpbusd_avx_epi32(a, _mm_set1_epi32((int)x), w);
}
#elif defined(__aarch64__) && defined(__ARM_FEATURE_DOTPROD) && !defined(__AARCH64EB__)
#include <arm_neon.h>
#define MODEL_VNNI 4
typedef int32x4_t model_sums, model_sum_quad;
MODEL_INLINE model_sums model_load_sums(const void *const p) { return vld1q_s32((const int32_t *)p); }
MODEL_INLINE void model_store_sums(void *const p, const model_sums a) { vst1q_s32((int32_t *)p, a); }
#if defined(__ARM_FEATURE_MATMUL_INT8)
MODEL_INLINE model_sums model_add_four(const model_sums a, const uint32_t x, const model_sums w) {
  return vusdotq_s32(a, vreinterpretq_u8_u32(vdupq_n_u32(x)), vreinterpretq_s8_s32(w));
}
#else
/* Both factors have one sign: 128 more in each weight, and 128 times the inputs less in the sum, exact modulo 2^32. */
MODEL_INLINE model_sums model_add_four(const model_sums a, const uint32_t x, const model_sums w) {
  const uint8x16_t bytes = vreinterpretq_u8_u32(vdupq_n_u32(x)), more = vdupq_n_u8(128);
  const uint32x4_t sum = vdotq_u32(vreinterpretq_u32_s32(a), bytes, veorq_u8(vreinterpretq_u8_s32(w), more));
  return vreinterpretq_s32_u32(vsubq_u32(sum, vdotq_u32(vdupq_n_u32(0), bytes, more)));
}
#endif
MODEL_INLINE model_sum_quad model_load_quad(const void *const p) { return model_load_sums(p); }
MODEL_INLINE void model_store_quad(void *const p, const model_sum_quad a) { model_store_sums(p, a); }
MODEL_INLINE model_sum_quad model_add_four_quad(const model_sum_quad a, const uint32_t x, const model_sum_quad w) {
  return model_add_four(a, x, w);
}
#elif defined(__AVX2__)
#include <immintrin.h>
#define MODEL_PAIR_COLUMNS 4
typedef __m256i model_pairs; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef __m256i model_wide_four;
MODEL_INLINE model_pairs model_no_pairs(void) { return _mm256_setzero_si256(); }
MODEL_INLINE void model_store_pairs(int32_t *const p, const model_pairs a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
MODEL_INLINE model_pairs model_spread(const uint32_t x) { return _mm256_cvtepu8_epi16(_mm_set1_epi32((int)x)); }
MODEL_INLINE model_pairs model_add_pairs(const model_pairs a, const model_pairs x, const int8_t *const w) {
  const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
  return _mm256_add_epi32(a, _mm256_madd_epi16(x, wide));
}
#elif defined(__SSE2__)
#include <emmintrin.h>
#define MODEL_PAIR_COLUMNS 2
typedef __m128i model_pairs; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef __m128i model_wide_four;
MODEL_INLINE model_pairs model_no_pairs(void) { return _mm_setzero_si128(); }
MODEL_INLINE void model_store_pairs(int32_t *const p, const model_pairs a) { _mm_storeu_si128((__m128i *)(void *)p, a); }
MODEL_INLINE model_pairs model_spread(const uint32_t x) {
  return _mm_unpacklo_epi8(_mm_set1_epi32((int)x), _mm_setzero_si128());
}
MODEL_INLINE model_pairs model_add_pairs(const model_pairs a, const model_pairs x, const int8_t *const w) {
  const __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)w);
  return _mm_add_epi32(a, _mm_madd_epi16(x, _mm_srai_epi16(_mm_unpacklo_epi8(eight, eight), 8)));
}
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define MODEL_PAIR_COLUMNS 2
typedef v128_t model_pairs; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef v128_t model_wide_four;
MODEL_INLINE model_pairs model_no_pairs(void) { return wasm_i32x4_splat(0); }
MODEL_INLINE void model_store_pairs(int32_t *const p, const model_pairs a) { wasm_v128_store(p, a); }
MODEL_INLINE model_pairs model_spread(const uint32_t x) { return wasm_u16x8_extend_low_u8x16(wasm_i32x4_splat((int)x)); }
MODEL_INLINE model_pairs model_add_pairs(const model_pairs a, const model_pairs x, const int8_t *const w) {
  return wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(w)));
}
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define MODEL_PAIR_COLUMNS 2
typedef int32x4_t model_pairs; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef int16x8_t model_wide_four;
MODEL_INLINE model_pairs model_no_pairs(void) { return vdupq_n_s32(0); }
MODEL_INLINE void model_store_pairs(int32_t *const p, const model_pairs a) { vst1q_s32(p, a); }
MODEL_INLINE int16x8_t model_spread(const uint32_t x) {
  return vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(x))));
}
MODEL_INLINE model_pairs model_add_pairs(const model_pairs a, const int16x8_t x, const int8_t *const w) {
  const int16x8_t wide = vmovl_s8(vld1_s8(w));
  return vaddq_s32(a, vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(wide)), vmull_high_s16(x, wide)));
}
#elif defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#if defined(__clang__)
typedef int8x4_t model_bytes; /* what its __uxtb16 takes */
#else
typedef uint8x4_t model_bytes;
#endif
#endif

#endif

#ifndef MODEL_KERNEL_INT16_PATHS
#define MODEL_KERNEL_INT16_PATHS

#include "compiler.c"

/* ---- Products of 16-bit numbers and signed bytes --------------------------------------------------------------------
 * Sums are exact in 32 bits, so every path gives the integers of the plain one. The target chooses: vectors whose instructions
 * multiply 16-bit numbers and add two products, or plain C. */
#if defined(__AVX2__)
#include <immintrin.h>
#define MODEL_INT16_COLUMNS 4
typedef __m256i model_int16_sums; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef __m256i model_int16_four;
MODEL_INLINE model_int16_sums model_no_int16_sums(void) { return _mm256_setzero_si256(); }
MODEL_INLINE void model_store_int16_sums(int32_t *const p, const model_int16_sums a) {
  _mm256_storeu_si256((__m256i *)(void *)p, a);
}
MODEL_INLINE model_int16_four model_spread_int16(const int16_t *const x) {
  return _mm256_broadcastq_epi64(_mm_loadl_epi64((const __m128i *)(const void *)x));
}
MODEL_INLINE model_int16_sums model_add_int16_four(const model_int16_sums a, const model_int16_four x, const int8_t *const w) {
  const __m256i wide = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)w));
  return _mm256_add_epi32(a, _mm256_madd_epi16(x, wide));
}
#elif defined(__SSE2__)
#include <emmintrin.h>
#define MODEL_INT16_COLUMNS 2
typedef __m128i model_int16_sums; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef __m128i model_int16_four;
MODEL_INLINE model_int16_sums model_no_int16_sums(void) { return _mm_setzero_si128(); }
MODEL_INLINE void model_store_int16_sums(int32_t *const p, const model_int16_sums a) {
  _mm_storeu_si128((__m128i *)(void *)p, a);
}
MODEL_INLINE model_int16_four model_spread_int16(const int16_t *const x) {
  const __m128i four = _mm_loadl_epi64((const __m128i *)(const void *)x);
  return _mm_unpacklo_epi64(four, four);
}
MODEL_INLINE model_int16_sums model_add_int16_four(const model_int16_sums a, const model_int16_four x, const int8_t *const w) {
  const __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)w);
  return _mm_add_epi32(a, _mm_madd_epi16(x, _mm_srai_epi16(_mm_unpacklo_epi8(eight, eight), 8)));
}
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define MODEL_INT16_COLUMNS 2
typedef v128_t model_int16_sums; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef v128_t model_int16_four;
MODEL_INLINE model_int16_sums model_no_int16_sums(void) { return wasm_i32x4_splat(0); }
MODEL_INLINE void model_store_int16_sums(int32_t *const p, const model_int16_sums a) { wasm_v128_store(p, a); }
MODEL_INLINE model_int16_four model_spread_int16(const int16_t *const x) { return wasm_v128_load64_splat(x); }
MODEL_INLINE model_int16_sums model_add_int16_four(const model_int16_sums a, const model_int16_four x, const int8_t *const w) {
  return wasm_i32x4_add(a, wasm_i32x4_dot_i16x8(x, wasm_i16x8_load8x8(w)));
}
#elif defined(__aarch64__) && defined(__ARM_NEON)
#include <arm_neon.h>
#define MODEL_INT16_COLUMNS 2
typedef int32x4_t model_int16_sums; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
typedef int16x8_t model_int16_four;
MODEL_INLINE model_int16_sums model_no_int16_sums(void) { return vdupq_n_s32(0); }
MODEL_INLINE void model_store_int16_sums(int32_t *const p, const model_int16_sums a) { vst1q_s32(p, a); }
MODEL_INLINE model_int16_four model_spread_int16(const int16_t *const x) {
  const int16x4_t four = vld1_s16(x);
  return vcombine_s16(four, four);
}
MODEL_INLINE model_int16_sums model_add_int16_four(const model_int16_sums a, const model_int16_four x, const int8_t *const w) {
  const int16x8_t wide = vmovl_s8(vld1_s8(w));
  return vaddq_s32(a, vpaddq_s32(vmull_s16(vget_low_s16(x), vget_low_s16(wide)), vmull_high_s16(x, wide)));
}
#elif defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

#endif

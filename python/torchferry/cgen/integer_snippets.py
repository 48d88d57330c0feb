"""C99 text of the int8 helpers. The products in plain C are the definition; the other paths give the same integers faster."""

from __future__ import annotations

from torchferry.cgen.snippets import Snippet

PATHS = """\
/* ---- Products of bytes and signed bytes ---------------------------------------------------------------------------
 * Sums are exact in 32 bits, so every path gives the integers of the plain one. The target (-march, -mcpu, -msimd128) chooses:
 * VNNI adds four products to a sum per instruction; others multiply 16-bit numbers and add two; the rest is plain C. */
#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
#include <immintrin.h>
#define MODEL_VNNI 16 /* sums in a vector */
typedef __m512i model_sums;
MODEL_INLINE model_sums model_load_sums(const void *const p) { return _mm512_loadu_si512(p); }
MODEL_INLINE void model_store_sums(void *const p, const model_sums a) { _mm512_storeu_si512(p, a); }
MODEL_INLINE model_sums model_add_four(const model_sums a, const uint32_t x, const model_sums w) {
  return _mm512_dpbusd_epi32(a, _mm512_set1_epi32((int)x), w);
}
MODEL_INLINE __m128i model_add_four_quad(const __m128i a, const uint32_t x, const __m128i w) {
  return _mm_dpbusd_epi32(a, _mm_set1_epi32((int)x), w);
}
#elif defined(__AVXVNNI__)
#include <immintrin.h>
#define MODEL_VNNI 8
typedef __m256i model_sums;
MODEL_INLINE model_sums model_load_sums(const void *const p) { return _mm256_loadu_si256((const __m256i *)p); }
MODEL_INLINE void model_store_sums(void *const p, const model_sums a) { _mm256_storeu_si256((__m256i *)p, a); }
MODEL_INLINE model_sums model_add_four(const model_sums a, const uint32_t x, const model_sums w) {
  return _mm256_dpbusd_avx_epi32(a, _mm256_set1_epi32((int)x), w);
}
MODEL_INLINE __m128i model_add_four_quad(const __m128i a, const uint32_t x, const __m128i w) {
  return _mm_dpbusd_avx_epi32(a, _mm_set1_epi32((int)x), w);
}
#elif defined(__AVX2__)
#include <immintrin.h>
#define MODEL_PAIR_COLUMNS 4
typedef __m256i model_pairs; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
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
MODEL_INLINE model_pairs model_no_pairs(void) { return _mm_setzero_si128(); }
MODEL_INLINE void model_store_pairs(int32_t *const p, const model_pairs a) { _mm_storeu_si128((__m128i *)(void *)p, a); }
MODEL_INLINE model_pairs model_spread(const uint32_t x) { return _mm_unpacklo_epi8(_mm_set1_epi32((int)x), _mm_setzero_si128()); }
MODEL_INLINE model_pairs model_add_pairs(const model_pairs a, const model_pairs x, const int8_t *const w) {
  const __m128i eight = _mm_loadl_epi64((const __m128i *)(const void *)w);
  return _mm_add_epi32(a, _mm_madd_epi16(x, _mm_srai_epi16(_mm_unpacklo_epi8(eight, eight), 8)));
}
#elif defined(__wasm_simd128__)
#include <wasm_simd128.h>
#define MODEL_PAIR_COLUMNS 2
typedef v128_t model_pairs; /* per column two sums: of inputs 0 and 1, of inputs 2 and 3 */
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
"""

FOUR = """\
/* Inputs 4 g to 4 g + 3 as one number, the first in its lowest byte; zeros beyond the end. */
MODEL_INLINE uint32_t model_four_inputs(const uint8_t *const x, const size_t inputs, const size_t g) {
  const uint8_t *const p = x + 4 * g;
  if (4 * g + 4 <= inputs) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
  }
  uint32_t four = p[0];
  for (size_t k = 1; 4 * g + k < inputs; ++k) {
    four |= (uint32_t)p[k] << 8 * k;
  }
  return four;
}
"""

VNNI = """\
#if defined(MODEL_VNNI)
#define MODEL_INTEGER_TILE 8 /* vectors of sums in registers */
/* Sums for `vectors` vectors of a wide panel and `quads` quads of narrow columns. Bytes that are zero add nothing. */
MODEL_INLINE void model_integer_tile(const int vectors, const int quads, const size_t inputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const size_t step, const int32_t *const restrict bias, int32_t *const restrict sums,
    const int8_t *const restrict narrow, const int32_t *const restrict narrow_bias, int32_t *const restrict narrow_sums,
    const size_t narrow_columns) {
  model_sums a[MODEL_INTEGER_TILE];
  __m128i q[4];
  for (int t = 0; t < vectors; ++t) {
    a[t] = model_load_sums(bias + t * MODEL_VNNI);
  }
  for (int t = 0; t < quads; ++t) {
    q[t] = _mm_loadu_si128((const __m128i *)(const void *)(narrow_bias + 4 * t));
  }
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    if (four == 0) {
      continue;
    }
    for (int t = 0; t < vectors; ++t) {
      a[t] = model_add_four(a[t], four, model_load_sums(wide + g * step + t * MODEL_VNNI * 4));
    }
    for (int t = 0; t < quads; ++t) {
      const int8_t *const w = narrow + (g * (size_t)quads + (size_t)t) * 16;
      q[t] = model_add_four_quad(q[t], four, _mm_loadu_si128((const __m128i *)(const void *)w));
    }
  }
  for (int t = 0; t < vectors; ++t) {
    model_store_sums(sums + t * MODEL_VNNI, a[t]);
  }
  for (int t = 0; t < quads; ++t) {
    int32_t four[4];
    _mm_storeu_si128((__m128i *)(void *)four, q[t]);
    for (size_t j = (size_t)t * 4; j < narrow_columns && j < (size_t)t * 4 + 4; ++j) {
      narrow_sums[j] = four[j % 4];
    }
  }
}

/* sums[outputs] = bias + table x. The narrow columns go with the last tile of the last panel. */
MODEL_INLINE void model_integer_columns(const size_t inputs, const size_t outputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const int8_t *const restrict narrow, const int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  const size_t split = outputs / 16 * 16;
  const size_t most = MODEL_INTEGER_TILE * MODEL_VNNI;
  const size_t last = split == 0 ? 0 : (split - 1) % most + 1; /* columns of the last tile */
  for (size_t j = 0; j + last < split; j += most) {
    const size_t start = j / MODEL_PANEL * MODEL_PANEL;
    const size_t width = split - start < MODEL_PANEL ? split - start : MODEL_PANEL;
    model_integer_tile(MODEL_INTEGER_TILE, 0, inputs, x, wide + (start * groups + j - start) * 4, width * 4, bias + j, sums + j, narrow, bias,
        sums, 0);
  }
  const size_t at = split - last;
  const size_t start = at / MODEL_PANEL * MODEL_PANEL;
  model_integer_tile((int)(last / MODEL_VNNI), (int)((outputs - split + 3) / 4), inputs, x, wide + (start * groups + at - start) * 4,
      (split - start) * 4, bias + at, sums + at, narrow, bias + split, sums + split, outputs - split);
}
#else
"""

OTHERS = """\
#if defined(MODEL_PAIR_COLUMNS)
#define MODEL_INTEGER_TILE (8 * MODEL_PAIR_COLUMNS)
/* Up to eight vectors of sums, from the weights of as many columns; table[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE void model_integer_tile(const size_t columns, const size_t inputs, const uint8_t *const restrict x,
    const int8_t *const restrict table, const size_t step, const int32_t *const restrict bias, int32_t *const restrict sums) {
  const size_t vectors = (columns + MODEL_PAIR_COLUMNS - 1) / MODEL_PAIR_COLUMNS;
  model_pairs a[8];
  for (size_t t = 0; t < vectors; ++t) {
    a[t] = model_no_pairs();
  }
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    if (four == 0) {
      continue;
    }
    for (size_t t = 0; t < vectors; ++t) {
      a[t] = model_add_pairs(a[t], model_spread(four), table + g * step + t * MODEL_PAIR_COLUMNS * 4);
    }
  }
  for (size_t t = 0; t < vectors; ++t) {
    int32_t pairs[2 * MODEL_PAIR_COLUMNS];
    model_store_pairs(pairs, a[t]);
    for (size_t k = 0; k < MODEL_PAIR_COLUMNS && t * MODEL_PAIR_COLUMNS + k < columns; ++k) {
      const size_t j = t * MODEL_PAIR_COLUMNS + k;
      sums[j] = bias[j] + (pairs[2 * k] + pairs[2 * k + 1]);
    }
  }
}
#else
#define MODEL_INTEGER_TILE 4
/* sum + the products of four inputs, the first in the lowest byte, and four weights */
MODEL_INLINE int32_t model_add_products(const int32_t sum, const uint32_t four, const int8_t *const w) {
#if defined(__ARM_FEATURE_SIMD32)
  const uint8_t *const u = (const uint8_t *)w;
  const uint32_t weights = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
  const int32_t even = __smlad((int16x2_t)__uxtb16((model_bytes)four), __sxtb16((int8x4_t)weights), sum);
  return __smlad((int16x2_t)__uxtb16((model_bytes)(four >> 8)), __sxtb16((int8x4_t)(weights >> 8)), even);
#else
  return sum + ((int32_t)(four & 255u) * w[0] + (int32_t)(four >> 8 & 255u) * w[1] + (int32_t)(four >> 16 & 255u) * w[2] +
                (int32_t)(four >> 24) * w[3]);
#endif
}

/* Up to four sums, from the weights of four columns: table[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE void model_integer_tile(const size_t columns, const size_t inputs, const uint8_t *const restrict x,
    const int8_t *const restrict table, const size_t step, const int32_t *const restrict bias, int32_t *const restrict sums) {
  int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    if (four != 0) {
      const int8_t *const w = table + g * step;
      a = model_add_products(a, four, w);
      b = model_add_products(b, four, w + 4);
      c = model_add_products(c, four, w + 8);
      d = model_add_products(d, four, w + 12);
    }
  }
  const int32_t four_sums[4] = {a, b, c, d};
  for (size_t k = 0; k < columns; ++k) {
    sums[k] = four_sums[k];
  }
}
#endif

MODEL_INLINE void model_integer_tiles(const size_t columns, const size_t inputs, const uint8_t *const restrict x,
    const int8_t *const restrict table, const size_t step, const int32_t *const restrict bias, int32_t *const restrict sums) {
  const size_t whole = columns / MODEL_INTEGER_TILE * MODEL_INTEGER_TILE;
  for (size_t j = 0; j < whole; j += MODEL_INTEGER_TILE) {
    model_integer_tile(MODEL_INTEGER_TILE, inputs, x, table + 4 * j, step, bias + j, sums + j);
  }
  if (whole < columns) {
    model_integer_tile(columns - whole, inputs, x, table + 4 * whole, step, bias + whole, sums + whole);
  }
}

/* sums[outputs] = bias + table x */
MODEL_INLINE void model_integer_columns(const size_t inputs, const size_t outputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const int8_t *const restrict narrow, const int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  const size_t split = outputs / 16 * 16;
  const size_t last = split % MODEL_PANEL; /* columns of the last panel */
  const size_t whole = split - last;
  for (size_t start = 0; start < whole; start += MODEL_PANEL) {
    model_integer_tiles(MODEL_PANEL, inputs, x, wide + start * groups * 4, MODEL_PANEL * 4, bias + start, sums + start);
  }
  model_integer_tiles(last, inputs, x, wide + whole * groups * 4, last * 4, bias + whole, sums + whole);
  model_integer_tiles(outputs - split, inputs, x, narrow, (outputs - split + 3) / 4 * 16, bias + split, sums + split);
}
#endif
"""

INDEX = """\
/* (sum * multiplier + offset) >> shift, kept within 0..last. */
MODEL_INLINE uint32_t model_index(const int32_t sum, const int32_t multiplier, const int64_t offset, const int shift, const int64_t last) {
  const int64_t scaled = (int64_t)sum * multiplier + offset;
  const int64_t index = scaled < 0 ? 0 : scaled >> shift;
  return (uint32_t)(index > last ? last : index);
}
"""

QUANTIZE = """\
/* round(x * inverse) + zero, kept within 0..255; NaN counts as 0. */
MODEL_INLINE uint8_t model_quantize(const float x, const float inverse, const int zero) {
  const int is_nan = (model_to_bits(x) & 0x7fffffffu) > 0x7f800000u; /* of x != x gcc 12 makes wrong code for SVE */
  const float scaled = (is_nan ? 0.0f : x) * inverse;
  const float low = (float)-zero;
  const float high = (float)(255 - zero);
  const float clamped = scaled < low ? low : (scaled > high ? high : scaled);
  const float rounded = (clamped + 0x1.8p+23f) - 0x1.8p+23f;
  return (uint8_t)((int)rounded + zero);
}
"""

INTEGERS: dict[str, Snippet] = {
    "integer_columns": Snippet("\n".join((PATHS, FOUR, VNNI + OTHERS))),
    "index": Snippet(INDEX),
    "quantize": Snippet(QUANTIZE, ("bits",)),
}

"""C99 text of the int8 helpers. The scalar product is the definition; the others give the same integers faster."""

from __future__ import annotations

from torchferry.export.c99.snippets import Snippet

COLUMNS = """\
/* ---- Products of bytes: exact sums in 32 bits -------------------------------------------------------------------- */

#if defined(__AVX512VNNI__) && defined(__AVX512VL__)
#include <immintrin.h>
#define MODEL_SUMS 16 /* sums in a vector; each instruction adds four products to each */
typedef __m512i model_sums;
#define MODEL_DOT(sums, x, w) _mm512_dpbusd_epi32((sums), (x), (w))
#define MODEL_SPREAD(four) _mm512_set1_epi32((int)(four))
#define MODEL_LOAD(p) _mm512_loadu_si512((const void *)(p))
#define MODEL_STORE(p, sums) _mm512_storeu_si512((void *)(p), (sums))
#define MODEL_DOT_QUAD(sums, x, w) _mm_dpbusd_epi32((sums), (x), (w))
#elif defined(__AVXVNNI__)
#include <immintrin.h>
#define MODEL_SUMS 8
typedef __m256i model_sums;
#define MODEL_DOT(sums, x, w) _mm256_dpbusd_avx_epi32((sums), (x), (w))
#define MODEL_SPREAD(four) _mm256_set1_epi32((int)(four))
#define MODEL_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define MODEL_STORE(p, sums) _mm256_storeu_si256((__m256i *)(void *)(p), (sums))
#define MODEL_DOT_QUAD(sums, x, w) _mm_dpbusd_avx_epi32((sums), (x), (w))
#elif defined(__ARM_FEATURE_SIMD32)
#include <arm_acle.h>
#endif

/* Inputs 4 g to 4 g + 3 as one number, the first in its lowest byte; beyond the end zeros. */
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

#if defined(MODEL_SUMS)
#define MODEL_INTEGER_TILE 8
MODEL_INLINE void model_integer_tile(const int vectors, const int quads, const size_t inputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const size_t step, const int32_t *const restrict bias, int32_t *const restrict sums,
    const int8_t *const restrict narrow, const int32_t *const restrict narrow_bias, int32_t *const restrict narrow_sums,
    const size_t narrow_columns) {
  model_sums a[MODEL_INTEGER_TILE];
  __m128i q[4];
  for (int t = 0; t < vectors; ++t) {
    a[t] = MODEL_LOAD(bias + t * MODEL_SUMS);
  }
  for (int t = 0; t < quads; ++t) {
    q[t] = _mm_loadu_si128((const __m128i *)(const void *)(narrow_bias + 4 * t));
  }
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    for (int t = 0; t < vectors; ++t) {
      a[t] = MODEL_DOT(a[t], MODEL_SPREAD(four), MODEL_LOAD(wide + g * step + t * MODEL_SUMS * 4));
    }
    for (int t = 0; t < quads; ++t) {
      const int8_t *const w = narrow + (g * (size_t)quads + (size_t)t) * 16;
      q[t] = MODEL_DOT_QUAD(q[t], _mm_set1_epi32((int)four), _mm_loadu_si128((const __m128i *)(const void *)w));
    }
  }
  for (int t = 0; t < vectors; ++t) {
    MODEL_STORE(sums + t * MODEL_SUMS, a[t]);
  }
  for (int t = 0; t < quads; ++t) {
    int32_t last[4];
    _mm_storeu_si128((__m128i *)(void *)last, q[t]);
    for (size_t j = (size_t)t * 4; j < narrow_columns && j < (size_t)t * 4 + 4; ++j) {
      narrow_sums[j] = last[j % 4];
    }
  }
}

/* sums[outputs] = bias + table x */
MODEL_INLINE void model_integer_columns(const size_t inputs, const size_t outputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const int8_t *const restrict narrow, const int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  const size_t split = outputs / 16 * 16;
  const int quads = (int)((outputs - split + 3) / 4);
  const size_t most = MODEL_INTEGER_TILE * MODEL_SUMS;
  size_t start = 0;
  for (; start + 128 < split; start += 128) {
    for (size_t j = 0; j < 128; j += most) {
      model_integer_tile(MODEL_INTEGER_TILE, 0, inputs, x, wide + (start * groups + j) * 4, 512, bias + start + j, sums + start + j,
          narrow, bias, sums, 0);
    }
  }
  const size_t width = split > 0 ? (split - 1) % 128 + 1 : 0; /* columns of the last panel */
  const size_t last = width > most ? width - most : 0;        /* columns of it before its last tile */
  const int8_t *const panel = wide + (split - width) * groups * 4;
  if (last > 0) {
    model_integer_tile((int)(last / MODEL_SUMS), 0, inputs, x, panel, width * 4, bias + split - width, sums + split - width, narrow, bias,
        sums, 0);
  }
  model_integer_tile((int)((width - last) / MODEL_SUMS), quads, inputs, x, panel + last * 4, width * 4, bias + split - width + last,
      sums + split - width + last, narrow, bias + split, sums + split, outputs - split);
}
#else
/* Four sums from the weights of four columns: table[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE void model_integer_quad(const size_t inputs, const uint8_t *const restrict x, const int8_t *const restrict table,
    const size_t step, const int32_t *const restrict bias, int32_t sums[4]) {
  int32_t a = bias[0], b = bias[1], c = bias[2], d = bias[3];
  for (size_t g = 0; 4 * g < inputs; ++g) {
    const uint32_t four = model_four_inputs(x, inputs, g);
    const int8_t *const w = table + g * step;
#if defined(__ARM_FEATURE_SIMD32)
    const uint8_t *const v = (const uint8_t *)w;
    const int16x2_t even = (int16x2_t)__uxtb16(four), odd = (int16x2_t)__uxtb16(four >> 8);
    int32_t *const columns[4] = {&a, &b, &c, &d};
    for (int column = 0; column < 4; ++column) {
      const uint8_t *const u = v + 4 * column;
      const uint32_t word = (uint32_t)u[0] | (uint32_t)u[1] << 8 | (uint32_t)u[2] << 16 | (uint32_t)u[3] << 24;
      const int32_t sum = __smlad(even, __sxtb16((int8x4_t)word), *columns[column]);
      *columns[column] = __smlad(odd, __sxtb16((int8x4_t)(word >> 8 | word << 24)), sum);
    }
#else
    const int32_t p = (int32_t)(four & 255u), q = (int32_t)(four >> 8 & 255u);
    const int32_t r = (int32_t)(four >> 16 & 255u), s = (int32_t)(four >> 24);
    a += p * w[0] + q * w[1] + r * w[2] + s * w[3];
    b += p * w[4] + q * w[5] + r * w[6] + s * w[7];
    c += p * w[8] + q * w[9] + r * w[10] + s * w[11];
    d += p * w[12] + q * w[13] + r * w[14] + s * w[15];
#endif
  }
  sums[0] = a;
  sums[1] = b;
  sums[2] = c;
  sums[3] = d;
}

/* sums[outputs] = bias + table x */
static void model_integer_columns(const size_t inputs, const size_t outputs, const uint8_t *const restrict x,
    const int8_t *const restrict wide, const int8_t *const restrict narrow, const int32_t *const restrict bias,
    int32_t *const restrict sums) {
  const size_t groups = (inputs + 3) / 4;
  const size_t split = outputs / 16 * 16;
  const size_t narrow_step = (outputs - split + 3) / 4 * 16;
  for (size_t j = 0; j < outputs; j += 4) {
    const size_t start = j / 128 * 128;
    const size_t width = split - start < 128 ? split - start : 128;
    int32_t four[4];
    if (j < split) {
      model_integer_quad(inputs, x, wide + (start * groups + j - start) * 4, width * 4, bias + j, four);
    } else {
      model_integer_quad(inputs, x, narrow + (j - split) * 4, narrow_step, bias + j, four);
    }
    for (size_t k = 0; k < 4 && j + k < outputs; ++k) {
      sums[j + k] = four[k];
    }
  }
}
#endif
"""

INDEX = """\
/* (sum * multiplier + offset) >> shift, kept within 0..last. */
MODEL_INLINE size_t model_index(const int32_t sum, const int32_t multiplier, const int64_t offset, const int shift, const int64_t last) {
  const int64_t scaled = (int64_t)sum * multiplier + offset;
  const int64_t index = scaled < 0 ? 0 : scaled >> shift;
  return (size_t)(index > last ? last : index);
}
"""

QUANTIZE = """\
/* round(x * inverse) + zero, kept within 0..255; NaN counts as 0. */
MODEL_INLINE uint8_t model_quantize(const float x, const float inverse, const int zero) {
  const float scaled = (x == x ? x : 0.0f) * inverse;
  const float low = (float)-zero;
  const float high = (float)(255 - zero);
  const float clamped = scaled < low ? low : (scaled > high ? high : scaled);
  const float rounded = (clamped + 0x1.8p+23f) - 0x1.8p+23f;
  return (uint8_t)((int)rounded + zero);
}
"""

INTEGERS: dict[str, Snippet] = {
    "integer_columns": Snippet(COLUMNS),
    "index": Snippet(INDEX),
    "quantize": Snippet(QUANTIZE),
}

#ifndef MODEL_KERNEL_INTEGER_DEPTHWISE2D
#define MODEL_KERNEL_INTEGER_DEPTHWISE2D

#include "byte_halves.c"
#include "byte_lines.c"
#include "helium_depthwise2d.c"
#include "requantise.c"
#include "unroll.c"

/* A row of a convolution of bytes with a window for each channel; with a step bytes `y`, else the sums. */
typedef struct {
  int direct;
  size_t row, first; /* `first`: the line of the first row of a window */
  const model_step *step;
} model_integer_depthwise2d_task;

#if defined(__AVX2__)
#define MODEL_DEPTHWISE_TAPS 32 /* windows of more positions take the plain path */
/* Two positions of the window are one product of pairs: per channel a number of 16 bits of either. */
typedef __m256i model_eight_pairs;
MODEL_INLINE __m256i model_eight_wide(const uint8_t *const p) {
  return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
MODEL_INLINE __m256i model_eight_signed(const int8_t *const p) {
  return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p));
}
MODEL_INLINE __m256i model_eight_joined(const __m256i one, const __m256i two) {
  return _mm256_blend_epi16(one, _mm256_slli_epi32(two, 16), 0xaa);
}
MODEL_INLINE __m256i model_eight_add(const __m256i sum, const __m256i x, const __m256i w) {
  return _mm256_add_epi32(sum, _mm256_madd_epi16(x, w));
}
MODEL_INLINE __m256i model_eight_start(const int32_t *const p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
MODEL_INLINE void model_eight_store(int32_t *const p, const __m256i a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
enum { model_eight_lanes = 8 };
#if defined(__AVX512BW__) && defined(__AVX512VL__)
typedef __m512i model_sixteen_pairs;
MODEL_INLINE __m512i model_sixteen_wide(const uint8_t *const p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
MODEL_INLINE __m512i model_sixteen_signed(const int8_t *const p) {
  return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)(const void *)p));
}
MODEL_INLINE __m512i model_sixteen_joined(const __m512i one, const __m512i two) {
  return _mm512_mask_blend_epi16(0xaaaaaaaau, one, _mm512_slli_epi32(two, 16));
}
MODEL_INLINE __m512i model_sixteen_add(const __m512i sum, const __m512i x, const __m512i w) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(x, w));
}
MODEL_INLINE __m512i model_sixteen_start(const int32_t *const p) { return _mm512_loadu_si512(p); }
MODEL_INLINE void model_sixteen_store(int32_t *const p, const __m512i a) { _mm512_storeu_si512(p, a); }
enum { model_sixteen_lanes = 16 };
#endif

/* Channels from `c` on that fill vectors, of all pixels of the row; returns the channel after them. `at`: where the positions
 * of the first window begin; there is one more, so that their number is even, with weights of 0. */
#define MODEL_INTEGER_DEPTHWISE2D(name, kind) \
  MODEL_INLINE size_t name(const model_window *const w, const model_step *const step, const size_t taps, \
      const uint8_t *const *const at, size_t c, const int8_t *const restrict weights, const int32_t *const restrict bias, \
      uint8_t *const restrict y, int32_t *const restrict sums) { \
    const size_t channels = w->channels, apart = w->stride[1] * channels; \
    for (; c + kind##_lanes <= channels; c += kind##_lanes) { \
      kind##_pairs pairs[MODEL_DEPTHWISE_TAPS / 2]; \
      for (size_t t = 0; t < taps; t += 2) { \
        const int8_t none[16] = {0}, *const own = weights + t * channels + c; \
        pairs[t / 2] = kind##_joined(kind##_signed(own), kind##_signed(t + 1 < taps ? own + channels : none)); \
      } \
      for (size_t j = 0; j < w->results[1]; ++j) { \
        const size_t place = j * channels + c; \
        kind##_pairs sum = kind##_start(bias + c); \
        MODEL_UNROLL for (size_t t = 0; t < taps; t += 2) { \
          const kind##_pairs one = kind##_wide(at[t] + j * apart + c), two = kind##_wide(at[t + 1] + j * apart + c); \
          sum = kind##_add(sum, kind##_joined(one, two), pairs[t / 2]); \
        } \
        int32_t found[kind##_lanes]; \
        kind##_store(step != NULL ? found : sums + place, sum); \
        if (step != NULL) { \
          model_requantise(step, c, kind##_lanes, found, y + place); \
        } \
      } \
    } \
    return c; \
  }
MODEL_INTEGER_DEPTHWISE2D(model_integer_depthwise2d_eight, model_eight)
#if defined(__AVX512BW__) && defined(__AVX512VL__)
MODEL_INTEGER_DEPTHWISE2D(model_integer_depthwise2d_sixteen, model_sixteen)
#endif

/* The channels that fill vectors; returns the first of the others. */
MODEL_INLINE size_t model_integer_depthwise2d_wide(const model_window *const w, const model_integer_depthwise2d_task t,
    const uint8_t *const restrict x, const int8_t *const restrict weights, const int32_t *const restrict bias,
    uint8_t *const restrict y, int32_t *const restrict sums) {
  const size_t taps = w->size[0] * w->size[1];
  const uint8_t *at[MODEL_DEPTHWISE_TAPS + 1];
  if (taps > MODEL_DEPTHWISE_TAPS) {
    return 0;
  }
  for (size_t tap = 0; tap < taps; ++tap) {
    const size_t l = tap % w->size[1];
    at[tap] = model_byte_line_of(w, t.direct, t.row, tap / w->size[1], x) + l * w->dilation[1] * w->channels;
    at[tap + 1] = at[tap];
  }
  size_t c = 0;
#if defined(__AVX512BW__) && defined(__AVX512VL__)
  c = model_integer_depthwise2d_sixteen(w, t.step, taps, at, c, weights, bias, y, sums);
#endif
  return model_integer_depthwise2d_eight(w, t.step, taps, at, c, weights, bias, y, sums);
}
#elif defined(MODEL_HELIUM)
MODEL_INLINE size_t model_integer_depthwise2d_wide(const model_window *const w, const model_integer_depthwise2d_task t,
    const uint8_t *const restrict x, const int8_t *const restrict weights, const int32_t *const restrict bias,
    uint8_t *const restrict y, int32_t *const restrict sums) {
  return model_helium_depthwise2d(w, t.direct, t.row, x, weights, bias, t.step, y, sums);
}
#else
MODEL_INLINE size_t model_integer_depthwise2d_wide(const model_window *const w, const model_integer_depthwise2d_task t,
    const uint8_t *const restrict x, const MODEL_TABLE int8_t *const restrict weights,
    const MODEL_TABLE int32_t *const restrict bias, uint8_t *const restrict y, int32_t *const restrict sums) {
  (void)w, (void)t, (void)x, (void)weights, (void)bias, (void)y, (void)sums;
  return 0;
}
#endif

#if defined(MODEL_HALVES) && !defined(__clang__) /* clang warns where it does not know the size of the window */
#define MODEL_WINDOW_UNROLL MODEL_UNROLL
#else
#define MODEL_WINDOW_UNROLL
#endif

/* Sums of four channels of one pixel, or of one channel. */
MODEL_INLINE void model_integer_depthwise2d_sums(const model_window *const w, const model_integer_depthwise2d_task t,
    const int four, const uint8_t *const restrict x, const MODEL_TABLE int8_t *const restrict weights,
    const MODEL_TABLE int32_t *const restrict bias, int32_t sums[4]) {
  const MODEL_TABLE int8_t *row = weights;
  const size_t channels = w->channels, apart = w->dilation[1] * channels;
  int32_t a = bias[0], b = four ? bias[1] : 0, c = four ? bias[2] : 0, d = four ? bias[3] : 0;
  size_t line = t.first;
  for (size_t k = 0; k < w->size[0]; ++k) {
    const uint8_t *const from =
        t.direct ? model_byte_line_of(w, 1, t.row, k, x) : x + (w->dilation[0] == 1 ? line : k) * model_byte_line(w);
    line = line + 1 == w->size[0] ? 0 : line + 1;
    MODEL_WINDOW_UNROLL for (size_t l = 0; l < w->size[1]; ++l) {
      const uint8_t *const p = from + l * apart;
      const MODEL_TABLE int8_t *const v = row + l * channels;
#if defined(MODEL_HALVES)
      if (four) {
        const uint32_t bytes = *(const model_word *)p, own = *(const model_word *)v;
        const int32_t even = model_even_bytes(bytes), odd = model_odd_bytes(bytes);
        const int32_t even_weights = model_even_weights(own), odd_weights = model_odd_weights(own);
        a = model_add_lower(a, even, even_weights);
        b = model_add_lower(b, odd, odd_weights);
        c = model_add_upper(c, even, even_weights);
        d = model_add_upper(d, odd, odd_weights);
        continue;
      }
#endif
      a += (int32_t)p[0] * v[0];
      if (four) {
        b += (int32_t)p[1] * v[1];
        c += (int32_t)p[2] * v[2];
        d += (int32_t)p[3] * v[3];
      }
    }
    row += w->size[1] * channels;
  }
  const int32_t all[4] = {a, b, c, d};
  for (size_t i = 0; i < 4; ++i) {
    sums[i] = all[i];
  }
}

/* Row `row` of y or sums [height, width, channels], with weights [row, column, channel]. */
MODEL_INLINE void model_integer_depthwise2d_row(const model_window *const w, const int direct, const size_t row,
    const uint8_t *const restrict x, const MODEL_TABLE int8_t *const restrict weights,
    const MODEL_TABLE int32_t *const restrict bias, const model_step *const step, uint8_t *const restrict y,
    int32_t *const restrict sums) {
  const size_t channels = w->channels, next = w->stride[1] * channels;
  const model_integer_depthwise2d_task t = {direct, row, row * w->stride[0] % w->size[0], step};
  const size_t first = model_integer_depthwise2d_wide(w, t, x, weights, bias, y, sums);
  for (size_t c = first, count; c < channels; c += count) {
    count = channels - c < 4 ? 1 : 4;
    for (size_t j = 0; j < w->results[1]; ++j) {
      int32_t found[4];
      if (count == 4) {
        model_integer_depthwise2d_sums(w, t, 1, x + j * next + c, weights + c, bias + c, found);
      } else {
        model_integer_depthwise2d_sums(w, t, 0, x + j * next + c, weights + c, bias + c, found);
      }
      if (step != NULL) {
        model_requantise(step, c, count, found, y + j * channels + c);
        continue;
      }
      for (size_t i = 0; i < count; ++i) {
        sums[j * channels + c + i] = found[i];
      }
    }
  }
}

#endif

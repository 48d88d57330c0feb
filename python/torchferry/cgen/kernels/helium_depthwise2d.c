#ifndef MODEL_KERNEL_HELIUM_DEPTHWISE2D
#define MODEL_KERNEL_HELIUM_DEPTHWISE2D

#include "byte_helium.c"
#include "byte_lines.c"
#include "requantise.c"

#if defined(MODEL_HELIUM)
#define MODEL_HELIUM_TAPS 32 /* windows of more positions take the plain path */

/* Sums of eight channels of a pixel: those of even number, and those of odd number. */
typedef struct {
  int32x4_t even, odd;
} model_helium_eight;

/* The sums of channels from `c` on become bytes y, or stay sums. */
MODEL_INLINE void model_helium_eight_end(
    const model_step *const s, const size_t c, const model_helium_eight a, uint8_t *const y, int32_t *const sums) {
  const int32x4x2_t both = {{a.even, a.odd}};
  if (s == NULL) {
    vst2q_s32(sums, both);
  } else if (s->shift >= 32) {
    const int32x4x2_t multiplier = vld2q_s32(s->multiplier + c);
    const int32x4_t even = vshlq_r_s32(model_helium_scaled(a.even, multiplier.val[0], s->offset), 32 - s->shift);
    const int32x4_t odd = vshlq_r_s32(model_helium_scaled(a.odd, multiplier.val[1], s->offset), 32 - s->shift);
    const int16x8_t index = vqmovntq_s32(vqmovnbq_s32(vdupq_n_s16(0), even), odd);
    const int16x8_t kept = vminq_s16(vmaxq_s16(index, vdupq_n_s16((int16_t)s->least)), vdupq_n_s16((int16_t)s->most));
    vstrbq_s16((int8_t *)y, kept);
  } else {
    int32_t found[8];
    vst2q_s32(found, both);
    model_requantise(s, c, 8, found, y);
  }
}

/* Sums of eight channels of two pixels, `next` bytes apart, or of one where that is 0. `at`: where the positions of a window
 * begin, from which the first pixel's channels are `from` bytes away. A product fits 16 bits. */
MODEL_INLINE void model_helium_depthwise2d_sums(const size_t taps, const uint8_t *const *at, const size_t from,
    const size_t next, const size_t channels, const int8_t *weights, model_helium_eight *const one,
    model_helium_eight *const two) {
  int32x4_t a = one->even, b = one->odd, c = a, d = b;
  const uint8_t *x;
  __asm__ volatile(
      "dls lr, %[taps]\n"
      "1:\n"
      "ldr %[x], [%[at]], #4\n"
      "vldrb.s16 q0, [%[weights]]\n"
      "add %[x], %[x], %[from]\n"
      "vldrb.u16 q1, [%[x]]\n"
      "add %[x], %[x], %[next]\n"
      "vmullb.s16 q2, q1, q0\n"
      "add %[weights], %[weights], %[channels]\n"
      "vmullt.s16 q1, q1, q0\n"
      "vadd.i32 %q[a], %q[a], q2\n"
      "vldrb.u16 q2, [%[x]]\n"
      "vadd.i32 %q[b], %q[b], q1\n"
      "vmullb.s16 q1, q2, q0\n"
      "vmullt.s16 q2, q2, q0\n"
      "vadd.i32 %q[c], %q[c], q1\n"
      "vadd.i32 %q[d], %q[d], q2\n"
      "le lr, 1b\n"
      : [a] "+w"(a), [b] "+w"(b), [c] "+w"(c), [d] "+w"(d), [x] "=&l"(x), [at] "+r"(at), [weights] "+l"(weights)
      : [from] "r"(from), [next] "r"(next), [channels] "r"(channels), [taps] "r"(taps)
      : "q0", "q1", "q2", "lr", "memory");
  const model_helium_eight found = {a, b}, beside = {c, d};
  *one = found;
  *two = beside;
}

/* The channels in eights; returns the first of the others. */
MODEL_INLINE size_t model_helium_depthwise2d(const model_window *const w, const int direct, const size_t row,
    const uint8_t *const x, const int8_t *const weights, const int32_t *const bias, const model_step *const step,
    uint8_t *const y, int32_t *const sums) {
  const size_t channels = w->channels, apart = w->stride[1] * channels, taps = w->size[0] * w->size[1];
  const uint8_t *at[MODEL_HELIUM_TAPS];
  size_t c = 0;
  if (taps > MODEL_HELIUM_TAPS) {
    return 0;
  }
  for (size_t k = 0, t = 0; k < w->size[0]; ++k) {
    const uint8_t *from = model_byte_line_of(w, direct, row, k, x);
    for (size_t l = 0; l < w->size[1]; ++l, ++t, from += w->dilation[1] * channels) {
      at[t] = from;
    }
  }
  for (; c + 8 <= channels; c += 8) {
    const int32x4x2_t both = vld2q_s32(bias + c);
    for (size_t j = 0; j < w->results[1]; j += 2) {
      const size_t place = j * channels + c, next = j + 1 < w->results[1] ? apart : 0;
      model_helium_eight one = {both.val[0], both.val[1]}, two;
      model_helium_depthwise2d_sums(taps, at, j * apart + c, next, channels, weights + c, &one, &two);
      for (size_t p = 0; p < (next > 0 ? 2 : 1); ++p) {
        const size_t to = place + p * channels;
        model_helium_eight_end(step, c, p == 0 ? one : two, step != NULL ? y + to : NULL, step != NULL ? NULL : sums + to);
      }
    }
  }
  return c;
}
#endif

#endif

#ifndef MODEL_KERNEL_HELIUM_COLUMNS
#define MODEL_KERNEL_HELIUM_COLUMNS

#include "byte_helium.c"
#include "panel.c"

#if defined(MODEL_HELIUM)
/* Sums of four columns, without bias: weights[g * step + 4 column + k] belongs to input 4 g + k. */
MODEL_INLINE uint32x4_t model_helium_four(
    const size_t inputs, const uint8_t *x, const int8_t *weights, const uint32_t step, const uint32x4_t apart) {
  uint32_t a = 0, b = 0, c = 0, d = 0;
  __asm__ volatile(
      "dlstp.8 lr, %[inputs]\n"
      "1:\n"
      "vldrw.u32 q0, [%[weights], %q[first]]\n"
      "vldrb.u8 q2, [%[x]], #16\n"
      "veor q0, q0, %q[flip]\n"
      "vldrw.u32 q1, [%[weights], %q[second]]\n"
      "vmladava.u8 %[a], q0, q2\n"
      "veor q1, q1, %q[flip]\n"
      "vldrw.u32 q0, [%[weights], %q[third]]\n"
      "vmladava.u8 %[b], q1, q2\n"
      "veor q0, q0, %q[flip]\n"
      "vldrw.u32 q1, [%[weights], %q[fourth]]\n"
      "vmladava.u8 %[c], q0, q2\n"
      "veor q1, q1, %q[flip]\n"
      "add %[weights], %[weights], %[far]\n"
      "vmladava.u8 %[d], q1, q2\n"
      "letp lr, 1b\n"
      : [a] "+Te"(a), [b] "+Te"(b), [c] "+Te"(c), [d] "+Te"(d), [weights] "+r"(weights), [x] "+r"(x)
      : [inputs] "r"(inputs), [far] "r"(4 * step), [first] "w"(apart), [second] "w"(vaddq_n_u32(apart, 4)),
      [third] "w"(vaddq_n_u32(apart, 8)), [fourth] "w"(vaddq_n_u32(apart, 12)), [flip] "w"(vdupq_n_u8(128))
      : "q0", "q1", "q2", "lr", "memory");
  const uint32x4_t found = {a, b, c, d};
  return found;
}

/* sums[outputs] = bias + table x */
static void model_helium_product(const size_t inputs, const size_t outputs, const uint8_t *const x, const int8_t *const wide,
    const int8_t *const narrow, const int32_t *const bias, int32_t *const sums) {
  const size_t groups = (inputs + 3) / 4, split = outputs / 16 * 16, padded = (outputs - split + 3) / 4 * 4;
  const uint32_t excess = model_helium_excess(x, inputs);
  for (size_t at = 0; at < outputs; at += 4) {
    const size_t panel = at / MODEL_PANEL * MODEL_PANEL;
    const size_t width = at >= split ? padded : split - panel < MODEL_PANEL ? split - panel : MODEL_PANEL;
    const int8_t *const table = at >= split ? narrow + (at - split) * 4 : wide + (panel * groups + at - panel) * 4;
    const uint32_t step = 4 * (uint32_t)width;
    const uint32x4_t apart = {0, step, 2 * step, 3 * step};
    const uint32x4_t found = vsubq_n_u32(model_helium_four(inputs, x, table, step, apart), excess);
    const int32x4_t biased = vaddq_s32(vreinterpretq_s32_u32(found), vldrwq_s32(bias + at));
    vstrwq_p_s32(sums + at, biased, vctp32q((uint32_t)(outputs - at)));
  }
}
#endif

#endif

#ifndef MODEL_KERNEL_HELIUM_ROWS
#define MODEL_KERNEL_HELIUM_ROWS

#include "byte_helium.c"

#if defined(MODEL_HELIUM)
/* Sums of one column, without bias, of four rows of x, `next` bytes from one row to the next. weights[g * step + k] belongs to
 * input 4 g + k; the last group is whole, the last 16 inputs need not be. */
MODEL_INLINE int32x4_t model_helium_rows(const size_t inputs, const uint8_t *const x, const size_t next,
    const int8_t *const weights, const size_t step, const uint32x4_t apart, const uint32x4_t excess) {
  const uint8_t *first = x, *second = x + next, *third = second + next, *fourth = third + next;
  const int8_t *from = weights;
  uint32_t a = 0, b = 0, c = 0, d = 0;
  register size_t left __asm__("lr") = inputs; /* there it has to be, and with a frame pointer no other register is free */
  __asm__ volatile(
      "dlstp.8 lr, %[left]\n"
      "1:\n"
      "vldrw.u32 q0, [%[from], %q[apart]]\n"
      "vldrb.u8 q1, [%[first]], #16\n"
      "veor q0, q0, %q[flip]\n"
      "vldrb.u8 q2, [%[second]], #16\n"
      "vmladava.u8 %[a], q0, q1\n"
      "vldrb.u8 q1, [%[third]], #16\n"
      "vmladava.u8 %[b], q0, q2\n"
      "vldrb.u8 q2, [%[fourth]], #16\n"
      "vmladava.u8 %[c], q0, q1\n"
      "add %[from], %[from], %[far]\n"
      "vmladava.u8 %[d], q0, q2\n"
      "letp lr, 1b\n"
      : [a] "+Te"(a), [b] "+Te"(b), [c] "+Te"(c), [d] "+Te"(d), [from] "+r"(from), [first] "+r"(first), [second] "+r"(second),
      [third] "+r"(third), [fourth] "+r"(fourth), [left] "+r"(left)
      : [far] "r"(4 * step), [apart] "w"(apart), [flip] "w"(vdupq_n_u8(128))
      : "q0", "q1", "q2", "memory");
  const uint32x4_t found = {a, b, c, d};
  return vreinterpretq_s32_u32(vsubq_u32(found, excess));
}
#endif

#endif

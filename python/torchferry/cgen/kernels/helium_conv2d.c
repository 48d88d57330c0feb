#ifndef MODEL_KERNEL_HELIUM_CONV2D
#define MODEL_KERNEL_HELIUM_CONV2D

#include "byte_lines.c"
#include "helium_rows.c"
#include "panel.c"
#include "requantise.c"

#if defined(MODEL_HELIUM)
/* One group of a row of a convolution of bytes: four neighbours and one column at a time. */
typedef struct {
  int direct;
  size_t row, results, inputs, run, runs; /* `inputs` of a sum, with those that fill fours */
  size_t last; /* of four neighbours: 3, or less in a row of fewer, where those after it are the last one again */
  const model_step *step;
  uint8_t *patch; /* room for the inputs of four pixels */
} model_helium_task;

/* Lays the inputs of four neighbours behind each other. */
static void model_helium_patch(const model_window *const w, const model_helium_task *const t, const uint8_t *const x) {
  const size_t next = w->stride[1] * w->channels, padded = (t->run + 3) / 4 * 4;
  uint8_t *to = t->patch;
  for (size_t p = 0; p < 4; ++p) {
    const uint8_t *const pixel = x + (p < t->last ? p : t->last) * next;
    for (size_t k = 0; k < w->size[0]; ++k) {
      const uint8_t *from = model_byte_line_of(w, t->direct, t->row, k, pixel);
      for (size_t l = 0; l < t->runs; ++l, to += padded, from += w->dilation[1] * w->channels) {
        for (size_t i = 0; i < padded; i += 16) {
          const mve_pred16_t of = vctp8q((uint32_t)(padded - i));
          vstrbq_p_u8(to + i, vldrbq_z_u8(from + i, of), of);
        }
      }
    }
  }
}

/* Four bytes y of four sums of a column, `results` bytes apart, or four sums. */
MODEL_INLINE void model_helium_end(const model_step *const s, const uint32x4_t results, const size_t column,
    const int32x4_t found, uint8_t *const y, int32_t *const sums) {
  if (s == NULL) {
    vstrwq_scatter_shifted_offset_s32(sums + column, results, found);
  } else if (s->shift >= 32) {
    const int32x4_t upper = model_helium_scaled(found, vdupq_n_s32(s->multiplier[column]), s->offset);
    const int32x4_t index = vshlq_r_s32(upper, 32 - s->shift);
    const int32x4_t kept = vminq_s32(vmaxq_s32(index, vdupq_n_s32(s->least)), vdupq_n_s32(s->most));
    vstrbq_scatter_offset_s32((int8_t *)y + column, results, kept);
  } else {
    uint32_t apart[4];
    int32_t all[4];
    vstrwq_u32(apart, results);
    vstrwq_s32(all, found);
    for (size_t p = 0; p < 4; ++p) {
      y[apart[p] + column] = model_byte(s, column, all[p]);
    }
  }
}

/* All columns of a group for four neighbours, whose inputs lie `next` bytes apart. `first`: the first of its results. A
 * function of its own, as its innermost loop takes nearly all registers. */
static MODEL_OWN_FRAME void model_helium_columns(const model_helium_task *const t, const size_t own, const size_t first,
    const uint8_t *const x, const size_t next, const int8_t *const wide, const int8_t *const narrow, const int32_t *const bias,
    uint8_t *const y, int32_t *const sums) {
  const size_t split = own / 16 * 16, padded = (own - split + 3) / 4 * 4, inputs = t->inputs;
  const uint32_t far = (uint32_t)t->results, last = (uint32_t)t->last;
  const uint32x4_t results = {0, (last < 1 ? last : 1) * far, (last < 2 ? last : 2) * far, last * far};
  const uint32x4_t excess = {model_helium_excess(x, inputs), model_helium_excess(x + next, inputs),
      model_helium_excess(x + 2 * next, inputs), model_helium_excess(x + 3 * next, inputs)};
  for (size_t panel = 0, width; panel < own; panel += width) {
    const size_t left = split - panel;
    width = panel >= split ? padded : left < MODEL_PANEL ? left : MODEL_PANEL;
    const int8_t *const table = panel >= split ? narrow : wide + panel * inputs;
    const uint32_t step = 4 * (uint32_t)width;
    const uint32x4_t apart = {0, step, 2 * step, 3 * step};
    const size_t end = own - panel < width ? own - panel : width;
    for (size_t at = 0; at < end; ++at) {
      const int32x4_t found = model_helium_rows(inputs, x, next, table + 4 * at, step, apart, excess);
      model_helium_end(t->step, results, first + panel + at, vaddq_n_s32(found, bias[panel + at]), y, sums);
    }
  }
}

/* One group: pixels in fours, of which the last four may have been computed already. Rows of fewer: each pixel is all four, in
 * room that is overwritten. `first`: the first of its results. */
MODEL_INLINE void model_helium_group(const model_window *const w, const model_helium_task *const t, const size_t own,
    const size_t first, const uint8_t *const x, const int8_t *const wide, const int8_t *const narrow, const int32_t *const bias,
    uint8_t *const y, int32_t *const sums) {
  const size_t count = w->results[1], next = w->stride[1] * w->channels;
  const int alone = w->size[0] * t->runs == 1 && count >= 4;
  for (size_t done = 0; done < count; done += 4) {
    const size_t j = done + 4 <= count || done == 0 ? done : count - 4;
    const uint8_t *const from = alone ? model_byte_line_of(w, t->direct, t->row, 0, x) + j * next : t->patch;
    if (!alone) {
      model_helium_patch(w, t, x + j * next);
    }
    uint8_t *const bytes = t->step != NULL ? y + j * t->results : NULL;
    int32_t *const kept = t->step != NULL ? NULL : sums + j * t->results;
    model_helium_columns(t, own, first, from, alone ? next : t->inputs, wide, narrow, bias, bytes, kept);
  }
}
#endif

#endif

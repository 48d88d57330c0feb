"""C99 text of the search for inputs that are zero, which a product then skips."""

from __future__ import annotations

GATHER = """\
/* The inputs that are not zero, with their row numbers; returns how many. Adding the others would change nothing. */
static size_t model_gather_{type}(const size_t count, const {ctype} *const restrict x, float *const restrict values,
    uint{bits}_t *const restrict rows) {{
  size_t found = 0;
{skip}\
  for (; i < count; ++i) {{
    values[found] = (float)x[i];
    rows[found] = (uint{bits}_t)i;
    found += x[i] != 0 ? 1u : 0u;
  }}
  return found;
}}
"""

SKIP_BYTES = """\
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    if (model_eight_zeros(x + i)) {
      continue;
    }
    for (size_t k = i; k < i + 8; ++k) {
      values[found] = (float)x[k];
      rows[found] = (uint16_t)k;
      found += x[k] != 0 ? 1u : 0u;
    }
  }
"""

EIGHT = """\
#if defined(__GNUC__)
typedef uint64_t model_eight __attribute__((aligned(1), may_alias));
MODEL_INLINE int model_eight_zeros(const uint8_t *const p) { return *(const model_eight *)p == 0; }
#else
MODEL_INLINE int model_eight_zeros(const uint8_t *const p) { return (p[0] | p[1] | p[2] | p[3] | p[4] | p[5] | p[6] | p[7]) == 0; }
#endif

"""

COUNT = """\
/* Are so few of the inputs zero that looking for them costs more than it saves? */
static int model_is_dense_{type}(const size_t count, const {ctype} *const x) {{
  size_t zeros = 0;
  for (size_t start = 0; start < count;) {{
    const size_t length = count - start < 240 ? count - start : 240;
    uint8_t part = 0; /* bytes: sixteen to sixty-four at once */
    for (size_t i = 0; i < length; ++i) {{
      part = (uint8_t)(part + (x[start + i] == 0 ? 1 : 0));
    }}
    zeros += part;
    start += length;
  }}
  return zeros * 8 < count;
}}
"""


def gather(dtype: str, row_bits: int) -> str:
    """The search for zeros in inputs of one dtype, with row numbers of 16 or 32 bits."""
    ctype = "uint8_t" if dtype == "uint8" else "float"
    skip = SKIP_BYTES.replace("uint16_t", f"uint{row_bits}_t") if dtype == "uint8" else "  size_t i = 0;\n"
    return (
        (EIGHT if dtype == "uint8" else "")
        + GATHER.format(type=dtype, ctype=ctype, bits=row_bits, skip=skip)
        + "\n"
        + COUNT.format(type=dtype, ctype=ctype)
    )

"""C99 text of elementary and activation functions, softmax and argmax; only what a model uses is printed."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from torchferry.cgen import elementary as e
from torchferry.cgen.snippets import Snippet, hex_float


def _polynomial(coefficients: Iterable[float], x: str) -> str:
    """Horner's scheme as C statements on `p`."""
    first, *rest = [hex_float(float(c)) for c in reversed(list(coefficients))]
    return f"  float p = {first};\n" + "".join(f"  p = p * {x} + {c};\n" for c in rest)


def _h(value: np.float32 | float) -> str:
    return hex_float(float(value))


FUNCTIONS: dict[str, Snippet] = {
    "bits": Snippet(
        """\
typedef union {
  float number;
  uint32_t bits;
} model_float_bits;

MODEL_INLINE uint32_t model_to_bits(const float number) {
  model_float_bits pun;
  pun.number = number;
  return pun.bits;
}

MODEL_INLINE float model_from_bits(const uint32_t bits) {
  model_float_bits pun;
  pun.bits = bits;
  return pun.number;
}
"""
    ),
    "quiet": Snippet(
        """\
/* Every NaN as the one quiet NaN: processors differ in its sign and payload. */
MODEL_INLINE float model_quiet(const float x) { return x == x ? x : model_from_bits(0x7fc00000u); }
""",
        ("bits",),
    ),
    "abs": Snippet(
        "MODEL_INLINE float model_abs(const float x) { return model_from_bits(model_to_bits(x) & 0x7fffffffu); }\n", ("bits",)
    ),
    "copysign": Snippet(
        """\
MODEL_INLINE float model_copysign(const float x, const float sign) {
  return model_from_bits((model_to_bits(x) & 0x7fffffffu) | (model_to_bits(sign) & 0x80000000u));
}
""",
        ("bits",),
    ),
    "relu": Snippet(
        """\
/* Here and in the clamps + 0.0f makes +0 of -0: clang takes x < 0 ? 0 : x for a maximum, whose zero has either sign. */
MODEL_INLINE float model_relu(const float x) { return (x < 0.0f ? 0.0f : x) + 0.0f; }
"""
    ),
    "leaky_relu": Snippet(
        "MODEL_INLINE float model_leaky_relu(const float x, const float slope) { return x < 0.0f ? x * slope : x; }\n"
    ),
    "clamp": Snippet(
        """\
/* Of limits in the wrong order the upper one counts. */
MODEL_INLINE float model_clamp(const float x, const float low, const float high) {
  const float above = x < low ? low : x;
  return (above > high ? high : above) + 0.0f;
}
"""
    ),
    "clamp_min": Snippet(
        "MODEL_INLINE float model_clamp_min(const float x, const float low) { return (x < low ? low : x) + 0.0f; }\n"
    ),
    "clamp_max": Snippet(
        "MODEL_INLINE float model_clamp_max(const float x, const float high) { return (x > high ? high : x) + 0.0f; }\n"
    ),
    "threshold": Snippet(
        "MODEL_INLINE float model_threshold(const float x, const float at, const float value) { return x <= at ? value : x; }\n"
    ),
    "exp_reduce": Snippet(
        f"""\
/* x = n ln 2 + r with |r| <= ln 2 / 2: returns e^r - 1 and n + 254. */
MODEL_INLINE float model_exp_reduce(const float x, uint32_t *const biased) {{
  const float z = x * {_h(e.LOG2_E)} + {_h(e.ROUND)};
  const float n = z - {_h(e.ROUND)};
  const float high = x - n * {_h(e.LN2_HIGH)};
  const float low = n * {_h(e.LN2_LOW)};
  const float r = high - low;
{_polynomial(map(float, e.EXP), "r")}\
  *biased = model_to_bits(z) - (0x4b400000u - 254u);
  return high + ((r * r) * p - low);
}}
""",
        ("bits",),
    ),
    "exp": Snippet(
        f"""\
/* e^x, at most {e.ULP_BOUND["exp"]} ULP from the exact value, with gradual underflow. */
MODEL_INLINE float model_exp(const float x) {{
  const float above = x < {_h(e.EXP_MIN)} ? {_h(e.EXP_MIN)} : x;
  const float clamped = above > {_h(e.EXP_MAX)} ? {_h(e.EXP_MAX)} : above;
  uint32_t biased;
  const float p = model_exp_reduce(clamped, &biased) + 1.0f;
  const uint32_t half = biased >> 1;
  return (p * model_from_bits(half << 23)) * model_from_bits((biased - half) << 23);
}}
""",
        ("exp_reduce",),
    ),
    "expm1": Snippet(
        f"""\
/* e^x - 1 for x <= 0, at most {e.ULP_BOUND["expm1"]} ULP from the exact value. */
MODEL_INLINE float model_expm1(const float x) {{
  uint32_t biased;
  const float p = model_exp_reduce(x < -0x1.2p+4f ? -0x1.2p+4f : x, &biased);
  const float scale = model_from_bits((biased - 127u) << 23);
  return scale * p + (scale - 1.0f);
}}
""",
        ("exp_reduce",),
    ),
    "tanh": Snippet(
        f"""\
/* tanh x, at most {e.ULP_BOUND["tanh"]} ULP from the exact value. */
MODEL_INLINE float model_tanh(const float x) {{
  const float a = model_abs(x);
  const float z = x * x;
{_polynomial(map(float, e.TANH), "z")}\
  const float small = x + (x * z) * p;
  const float large = 1.0f - 2.0f / (model_exp(a + a) + 1.0f);
  return a < {_h(e.TANH_SMALL)} ? small : model_copysign(large, x);
}}
""",
        ("exp", "abs", "copysign"),
    ),
    "erf": Snippet(
        f"""\
/* The error function, at most {e.ULP_BOUND["erf"]} ULP from the exact value. */
MODEL_INLINE float model_erf_small(const float x) {{
  const float z = x * x;
{_polynomial(map(float, e.ERF), "z")}\
  return x + x * p;
}}

MODEL_INLINE float model_erf(const float x) {{
  const float a = model_abs(x);
  const float t = a > {_h(e.ERF_MAX)} ? {_h(e.ERF_MAX)} : a;
{_polynomial(map(float, e.ERFC_LOG), "t")}\
  return a < {_h(e.ERF_SMALL)} ? model_erf_small(x) : model_copysign(1.0f - model_exp(p), x);
}}
""",
        ("exp", "abs", "copysign"),
    ),
    "sigmoid": Snippet(
        f"""\
/* 1 / (1 + e^-x), at most {e.ULP_BOUND["sigmoid"]} ULP from the exact value. */
MODEL_INLINE float model_sigmoid(const float x) {{
  const float power = model_exp(-model_abs(x));
  return (x < 0.0f ? power : 1.0f) / (1.0f + power);
}}
""",
        ("exp", "abs"),
    ),
    "silu": Snippet(
        """\
/* x / (1 + e^-x) */
MODEL_INLINE float model_silu(const float x) {
  const float power = model_exp(-model_abs(x));
  return (x < 0.0f ? x * power : x) / (1.0f + power);
}
""",
        ("exp", "abs"),
    ),
    "gelu": Snippet(
        f"""\
/* x (1 + erf(x / sqrt 2)) / 2 */
MODEL_INLINE float model_gelu(const float x) {{ return (0.5f * x) * (1.0f + model_erf(x * {_h(0.7071067690849304)})); }}
""",
        ("erf",),
    ),
    "gelu_tanh": Snippet(
        f"""\
/* x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
MODEL_INLINE float model_gelu_tanh(const float x) {{
  const float inner = (x + ((x * x) * x) * {_h(0.044714998453855515)}) * {_h(0.7978845834732056)};
  return (0.5f * x) * (1.0f + model_tanh(inner));
}}
""",
        ("tanh",),
    ),
    "elu": Snippet(
        """\
/* positive x above 0, negative (e^(inner x) - 1) below */
MODEL_INLINE float model_elu(const float x, const float negative, const float positive, const float inner) {
  const float below = (x > 0.0f ? 0.0f : x) * inner;
  return x > 0.0f ? x * positive : model_expm1(below) * negative;
}
""",
        ("expm1",),
    ),
    "log": Snippet(
        f"""\
/* The natural logarithm of a number >= 1, at most {e.ULP_BOUND["log"]} ULP from the exact value. */
MODEL_INLINE float model_log(const float x) {{
  const uint32_t shifted = model_to_bits(x) - {e.SQRT_HALF_BITS:#x}u;
  const float n = (float)(int32_t)(shifted >> 23);
  const float f = model_from_bits((shifted & 0x7fffffu) + {e.SQRT_HALF_BITS:#x}u) - 1.0f;
  const float z = f * f;
{_polynomial(map(float, e.LOG), "f")}\
  const float tail = (f * z) * p + n * {_h(e.LN2_LOW)};
  const float value = ((tail - 0.5f * z) + f) + n * {_h(e.LN2_HIGH)};
  return x > 0x1.fffffep+127f ? x : (x == x ? value : x);
}}
""",
        ("bits",),
    ),
    "softmax_sum": Snippet(
        """\
/* Eight partial sums over j mod 8, added pairwise. */
MODEL_INLINE float model_softmax_sum(const size_t width, const float *const e) {
  float sums[8] = {0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
  for (size_t j = 0; j < width; ++j) {
    sums[j % 8] += e[j];
  }
  return ((sums[0] + sums[4]) + (sums[2] + sums[6])) + ((sums[1] + sums[5]) + (sums[3] + sums[7]));
}

MODEL_INLINE float model_largest(const size_t width, const float *const x) {
  float largest = x[0];
  for (size_t j = 1; j < width; ++j) {
    largest = largest < x[j] ? x[j] : largest;
  }
  return largest + 0.0f; /* one sign of zero, whichever of two was taken */
}
"""
    ),
    "softmax": Snippet(
        """\
/* y = e^(x - max x) / sum */
MODEL_INLINE void model_softmax(const size_t width, const float *const restrict x, float *const restrict y) {
  const float largest = model_largest(width, x);
  for (size_t j = 0; j < width; ++j) {
    y[j] = model_exp(x[j] - largest);
  }
  const float sum = model_softmax_sum(width, y);
  for (size_t j = 0; j < width; ++j) {
    y[j] /= sum;
  }
}
""",
        ("exp", "softmax_sum"),
    ),
    "log_softmax": Snippet(
        """\
/* y = (x - max x) - log(sum of e^(x - max x)) */
MODEL_INLINE void model_log_softmax(const size_t width, const float *const restrict x, float *const restrict y) {
  const float largest = model_largest(width, x);
  for (size_t j = 0; j < width; ++j) {
    y[j] = model_exp(x[j] - largest);
  }
  const float logarithm = model_log(model_softmax_sum(width, y));
  for (size_t j = 0; j < width; ++j) {
    y[j] = (x[j] - largest) - logarithm;
  }
}
""",
        ("exp", "log", "softmax_sum"),
    ),
    "argmax": Snippet(
        """\
/* The first largest; a NaN counts as the largest. */
MODEL_INLINE int64_t model_argmax(const size_t width, const float *const x) {
  size_t best = 0;
  for (size_t j = 1; j < width; ++j) {
    if (x[j] > x[best] || (x[j] != x[j] && x[best] == x[best])) {
      best = j;
    }
  }
  return (int64_t)best;
}
"""
    ),
}

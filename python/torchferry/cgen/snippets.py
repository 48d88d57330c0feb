"""C99 text that does not depend on the model. `model_` and `MODEL_` stand for the model's own prefix.

Only what a model uses is printed, in this order: a static function that nobody calls would be a warning.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Snippet:
    """A helper function and the helpers that it calls."""

    text: str
    needs: tuple[str, ...] = ()


STRICT = """\
/* ---- Strict IEEE 754: the same bits on every processor and at every optimisation level -------------------------- */

/* No fused multiply-add, whatever -std, -march and -ffp-contract=on say. clang -ffp-contract=fast
 * overrules this; model_selftest notices. no-trapping-math: nobody reads the exception flags; no value depends on it, and
 * without it gcc makes branches, and so no vectors, of the clamps in exp. */
#if defined(__clang__)
#pragma STDC FP_CONTRACT OFF
#elif defined(__GNUC__)
#pragma GCC optimize("fp-contract=off", "no-trapping-math")
#elif defined(_MSC_VER)
#pragma fp_contract(off)
#else
#pragma STDC FP_CONTRACT OFF
#endif

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__) || \\
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "compile this file without -ffast-math, -Ofast and their parts: they would change the results"
#endif
#if !defined(FLT_EVAL_METHOD) || (FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16)
#error "float arithmetic must be done in float (FLT_EVAL_METHOD 0): for 32-bit x86 compile with -msse2 -mfpmath=sse"
#endif

/* NEON of 32-bit ARM flushes subnormal numbers to zero, and clang's SLP vectoriser uses it unasked. */
#if defined(__clang__) && defined(__arm__) && defined(__ARM_NEON)
#define MODEL_NO_NEON
#pragma clang attribute push(__attribute__((target("no-neon"))), apply_to = function)
#endif
"""

END = """\
#if defined(MODEL_NO_NEON)
#pragma clang attribute pop
#endif
"""

COMPILER = """\
/* ---- What only some compilers know: none of it changes a result ---------------------------------------------------- */

#if defined(__GNUC__)
#define MODEL_INLINE static inline __attribute__((always_inline))
#define MODEL_ALIGNED __attribute__((aligned(64)))
#define MODEL_OWN_FRAME __attribute__((noinline)) /* else callers that bring a workspace would have one on their stack, too */
#else
#define MODEL_INLINE static inline
#define MODEL_ALIGNED
#define MODEL_OWN_FRAME
#endif
#if defined(__clang__)
#define MODEL_APART __attribute__((noinline)) /* clang vectorises such a loop only as a function of its own */
#else
#define MODEL_APART
#endif
"""


def hex_float(value: float) -> str:
    """A float32 exactly: `0x1.8p-1f`; a negative one in parentheses, so that it can follow any operator."""
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError(f"{value} has no literal")
    mantissa, _, exponent = float(value).hex().partition("p")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    text = f"{mantissa}p{exponent}f"
    return f"({text})" if text.startswith("-") else text

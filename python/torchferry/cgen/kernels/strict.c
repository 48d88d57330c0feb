#ifndef MODEL_KERNEL_STRICT
#define MODEL_KERNEL_STRICT

#include <float.h>
#include <stddef.h>
#include <stdint.h>

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

#if defined(__FAST_MATH__) || defined(__ASSOCIATIVE_MATH__) || defined(__RECIPROCAL_MATH__) || defined(__NO_SIGNED_ZEROS__) || \
    (defined(__FINITE_MATH_ONLY__) && __FINITE_MATH_ONLY__)
#error "compile this file without -ffast-math, -Ofast and their parts: they would change the results"
#endif
#if !defined(FLT_EVAL_METHOD)
/* tcc has no such macro; where it has SSE or NEON it computes floats as floats. */
#if !(defined(__TINYC__) && (defined(__x86_64__) || defined(__aarch64__)))
#error "this compiler does not say how it computes floats: if as float, compile with -DFLT_EVAL_METHOD=0"
#endif
#elif FLT_EVAL_METHOD != 0 && FLT_EVAL_METHOD != 16
#if defined(__i386__) || defined(_M_IX86)
#error "32-bit x86 computes floats in wider registers here: compile with -msse2 -mfpmath=sse"
#elif defined(__s390x__) || defined(__s390__)
#error "s390x computes floats as double here: compile with -fexcess-precision=fast, or -std=gnu99 in place of -std=c99"
#else
#error \
    "this processor computes floats in a wider type here: compile so that FLT_EVAL_METHOD is 0, as by -fexcess-precision=fast"
#endif
#endif

/* NEON of 32-bit ARM flushes subnormal numbers to zero, and clang's SLP vectoriser uses it unasked. */
#if defined(__clang__) && defined(__arm__) && defined(__ARM_NEON)
#define MODEL_NO_NEON
#pragma clang attribute push(__attribute__((target("no-neon"))), apply_to = function)
#endif

#endif

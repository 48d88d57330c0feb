#ifndef MODEL_KERNEL_VECTORS
#define MODEL_KERNEL_VECTORS

#include "compiler.c"

/* ---- Vectors ------------------------------------------------------------------------------------------------------
 * The width follows the target (-march, -mcpu, -msimd128); the results do not. One lane: plain C, for everything else.
 * 32-bit ARM stays scalar: its vectors flush subnormal numbers to zero. */
#if !defined(__GNUC__)
#define MODEL_LANES 1
#elif defined(__AVX512F__)
#define MODEL_LANES 16
#elif defined(__AVX__)
#define MODEL_LANES 8
#elif defined(__SSE2__) || defined(__aarch64__) || defined(__wasm_simd128__)
#define MODEL_LANES 4
#else
#define MODEL_LANES 1
#endif

#if MODEL_LANES > 1
typedef float model_vector __attribute__((vector_size(4 * MODEL_LANES), aligned(4), may_alias));
typedef float model_quad __attribute__((vector_size(16), aligned(4), may_alias));
#define MODEL_VECTOR(p) (*(const model_vector *)(p))
#define MODEL_QUAD(p) (*(const model_quad *)(p))
#endif
#if defined(__clang__) && MODEL_LANES == 16
#define MODEL_WIDE __attribute__((min_vector_width(512)))
#else
#define MODEL_WIDE
#endif

#endif

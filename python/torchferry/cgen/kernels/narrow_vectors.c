#ifndef MODEL_KERNEL_NARROW_VECTORS
#define MODEL_KERNEL_NARROW_VECTORS

#include "unroll.c"
#include "vectors.c"

#if MODEL_LANES > 1
typedef int32_t model_vector_bits __attribute__((vector_size(4 * MODEL_LANES)));
typedef int32_t model_quad_bits __attribute__((vector_size(16)));
#if MODEL_LANES > 4
typedef float model_oct __attribute__((vector_size(32), aligned(4), may_alias));
typedef int32_t model_oct_bits __attribute__((vector_size(32)));
#endif
/* A vector of that type with +0 in place of what is below zero; NaN and -0 stay. */
#define MODEL_CUT(type, x) ((type)((type##_bits)(x) & ~(type##_bits)((x) < (type){0.0f})))
#endif

#endif

#ifndef MODEL_KERNEL_EIGHTHS
#define MODEL_KERNEL_EIGHTHS

#include "unroll.c"
#include "vectors.c"

/* Eight partial sums over j mod 8 of elements side by side: one vector of eight, or two of four. */
#if MODEL_LANES > 1
#define MODEL_EIGHTHS (MODEL_LANES > 4 ? 8 : 4)
typedef float model_eighths __attribute__((vector_size(4 * MODEL_EIGHTHS), aligned(4), may_alias));
#endif

#endif

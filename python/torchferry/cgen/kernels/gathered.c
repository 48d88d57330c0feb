#ifndef MODEL_KERNEL_GATHERED
#define MODEL_KERNEL_GATHERED

#include "vectors.c"

/* Inputs that are gathered at a time, on the stack: 8 bytes each. */
#if MODEL_LANES == 1
#define MODEL_GATHERED 40
#elif defined(__OPTIMIZE__)
#define MODEL_GATHERED 176
#else
#define MODEL_GATHERED 16
#endif

#endif

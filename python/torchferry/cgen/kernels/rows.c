#ifndef MODEL_KERNEL_ROWS
#define MODEL_KERNEL_ROWS

#include "compiler.c"

/* The number of a row of a table; a model with wider ones defines MODEL_WIDE_ROWS. */
#if defined(MODEL_WIDE_ROWS)
typedef uint32_t model_row;
#else
typedef uint16_t model_row;
#endif

#endif

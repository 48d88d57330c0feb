#ifndef MODEL_KERNEL_UNROLL
#define MODEL_KERNEL_UNROLL

#include "compiler.c"

/* Before a loop of a few steps over sums that shall stay in registers. */
#if defined(__clang__)
#define MODEL_UNROLL _Pragma("clang loop unroll(full)")
/* What it need not do is no fault of the model. */
#pragma clang diagnostic ignored "-Wpass-failed"
#elif defined(__GNUC__) && __GNUC__ >= 8
#define MODEL_UNROLL _Pragma("GCC unroll 16")
/* It unrolls a loop that sets sums and a loop that reads them, each up to the same number, and does not see that it is the
 * same. */
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#else
#define MODEL_UNROLL
#endif

#endif

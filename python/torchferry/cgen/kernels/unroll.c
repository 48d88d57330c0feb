#ifndef MODEL_KERNEL_UNROLL
#define MODEL_KERNEL_UNROLL

#include "compiler.c"

/* Before a loop of a few steps over sums that shall stay in registers. */
#if defined(__clang__)
#define MODEL_UNROLL _Pragma("clang loop unroll(full)")
#elif defined(__GNUC__) && __GNUC__ >= 8
#define MODEL_UNROLL _Pragma("GCC unroll 16")
#else
#define MODEL_UNROLL
#endif

#endif

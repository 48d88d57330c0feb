#ifndef MODEL_KERNEL_COMPILER
#define MODEL_KERNEL_COMPILER

#include "strict.c"

/* ---- What only some compilers know: none of it changes a result ---------------------------------------------------- */

#if defined(__GNUC__)
#define MODEL_INLINE static inline __attribute__((always_inline))
#define MODEL_ALIGNED __attribute__((aligned(64)))
#define MODEL_OWN_FRAME __attribute__((noinline)) /* else callers that bring a workspace would have one on their stack, too */
#define MODEL_IN_ORDER __asm__ __volatile__("" ::: "memory") /* the next layer gives bytes of the workspace another type */
#else
#define MODEL_INLINE static inline
#define MODEL_ALIGNED
#define MODEL_OWN_FRAME
#define MODEL_IN_ORDER (void)0
#endif
#if defined(__clang__)
#define MODEL_APART __attribute__((noinline)) /* clang vectorises such a loop only as a function of its own */
#else
#define MODEL_APART
#endif

/* Tables lie in flash on an AVR, in the first 64 KiB of it: only pointers of the address space __flash of GNU C read them. They
 * lie in RAM with -std=c99, which has no such names, and beside weights that the caller brings.
 * (__memx, which reaches all flash and RAM, loses floats in avr-gcc 5.4.) */
#if defined(__AVR__) && defined(__FLASH) && !defined(MODEL_WEIGHTS_ALIGNMENT)
#define MODEL_TABLE __flash
#define MODEL_TABLES_IN_FLASH
#else
#define MODEL_TABLE
#endif

#endif

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

/* The order of instructions, which is no order of sums. gcc puts each sum right behind its product, and an x86 processor with
 * two units for either then leaves up to a sixth of them idle: MODEL_BOTH has two products made before what follows. MODEL_HELD
 * has a vector in a register at this place; else gcc loads it for each use, or makes the sums of a tile one after the other.
 * MODEL_STEPS hides how far a pointer goes in a step; else both compilers move what the next step reads again from register to
 * register. */
#if defined(__GNUC__) && __GNUC__ >= 8 && !defined(__clang__) && defined(__x86_64__)
#define MODEL_BOTH(first, second) __asm__ __volatile__("" : : "v"(first), "v"(second))
#define MODEL_HELD(vector) __asm__ __volatile__("" : "+v"(vector))
#else
#define MODEL_BOTH(first, second) (void)0
#define MODEL_HELD(vector) (void)0
#endif
#if defined(__GNUC__) && defined(__x86_64__)
#define MODEL_STEPS(pointer) __asm__ __volatile__("" : "+r"(pointer))
#else
#define MODEL_STEPS(pointer) (void)0
#endif

#endif

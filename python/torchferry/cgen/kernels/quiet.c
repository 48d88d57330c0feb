#ifndef MODEL_KERNEL_QUIET
#define MODEL_KERNEL_QUIET

#include "from_bits.c"

/* Every NaN as the one quiet NaN: processors differ in its sign and payload. */
MODEL_INLINE float model_quiet(const float x) { return x == x ? x : model_from_bits(0x7fc00000u); }

#endif

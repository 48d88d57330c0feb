#ifndef MODEL_KERNEL_INDEX
#define MODEL_KERNEL_INDEX

#include "compiler.c"

/* (sum * multiplier + offset) >> shift, kept within least..last; least is not negative. */
MODEL_INLINE uint32_t model_index(const int32_t sum, const int32_t multiplier, const int64_t offset, const int shift,
    const int64_t least, const int64_t last) {
  const int64_t scaled = (int64_t)sum * multiplier + offset;
  const int64_t index = scaled < 0 ? 0 : scaled >> shift;
  return (uint32_t)(index > last ? last : (index < least ? least : index));
}

#endif

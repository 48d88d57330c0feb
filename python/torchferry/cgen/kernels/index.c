#ifndef MODEL_KERNEL_INDEX
#define MODEL_KERNEL_INDEX

#include "saturations.c"

/* (sum * multiplier + offset) >> shift, kept within least..last; least is not negative. */
MODEL_INLINE uint32_t model_index(const int32_t sum, const int32_t multiplier, const int64_t offset, const int shift,
    const int64_t least, const int64_t last MODEL_IF_COUNTING(const int64_t lowest, const int64_t highest)) {
  const int64_t scaled = (int64_t)sum * multiplier + offset;
  MODEL_COUNT_BEYOND(scaled < lowest || scaled > highest);
  const int64_t index = scaled < 0 ? 0 : scaled >> shift;
  return (uint32_t)(index > last ? last : (index < least ? least : index));
}

#endif

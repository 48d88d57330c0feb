#ifndef MODEL_KERNEL_PLACE
#define MODEL_KERNEL_PLACE

#include "compiler.c"

/* An index into `size` elements; if it `wraps`, -1 is the last one. One outside counts as the nearest one inside. */
MODEL_INLINE size_t model_place(const int64_t index, const size_t size, const int wraps) {
  const int64_t turned = wraps && index < 0 ? index + (int64_t)size : index;
  return turned < 0 ? 0 : (uint64_t)turned < size ? (size_t)turned : size - 1;
}

#endif

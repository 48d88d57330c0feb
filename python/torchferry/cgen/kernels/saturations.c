#ifndef MODEL_KERNEL_SATURATIONS
#define MODEL_KERNEL_SATURATIONS

#include "compiler.c"

#if defined(MODEL_COUNT_SATURATIONS)
static size_t model_beyond_bytes = 0;
#define MODEL_COUNT_BEYOND(is_beyond) (model_beyond_bytes += (is_beyond) ? 1u : 0u)
#define MODEL_IF_COUNTING(...) , __VA_ARGS__ /* further arguments: below and above what a sum counts */
size_t model_saturations(void) {
  const size_t found = model_beyond_bytes;
  model_beyond_bytes = 0;
  return found;
}
#else
#define MODEL_COUNT_BEYOND(is_beyond) (void)0
#define MODEL_IF_COUNTING(...)
#endif

#endif

#ifndef MODEL_KERNEL_SATURATIONS
#define MODEL_KERNEL_SATURATIONS

#include "compiler.c"

#if defined(MODEL_COUNT_SATURATIONS)
static size_t model_beyond_bytes = 0;
#define MODEL_COUNT_BEYOND(is_beyond) (model_beyond_bytes += (is_beyond) ? 1u : 0u)
size_t model_saturations(void) {
  const size_t found = model_beyond_bytes;
  model_beyond_bytes = 0;
  return found;
}
#else
#define MODEL_COUNT_BEYOND(is_beyond) (void)0
#endif

#endif

#ifndef MODEL_KERNEL_WINDOW
#define MODEL_KERNEL_WINDOW

#include "compiler.c"

/* A window that slides over a sample [channels, height, width]; each pair is vertical, horizontal. */
typedef struct {
  size_t channels;
  size_t sample[2], results[2], size[2], stride[2], padding[2], dilation[2];
} model_window;

#endif

#ifndef MODEL_KERNEL_PANEL
#define MODEL_KERNEL_PANEL

#include "compiler.c"

#define MODEL_PANEL 128 /* columns of a table that lie together */

#endif

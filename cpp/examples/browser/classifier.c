/* A model as a WebAssembly module: the page writes grey levels at image(), calls classify() and reads at probabilities(). */
#include "model.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static mnist_mlp_input input;
static mnist_mlp_output output;
static mnist_mlp_workspace workspace;

EXPORT(image) void* image(void) { return input.image; }
EXPORT(probabilities) void* probabilities(void) { return output.probabilities; }
EXPORT(selftest) int selftest(void) { return mnist_mlp_selftest(); }

/* The class, or -1 where the model refuses its input. */
EXPORT(classify) int classify(void) { return mnist_mlp_run_with(&input, &output, &workspace) == 0 ? (int)output.label : -1; }

/* One sample of a generated model as a WebAssembly module: the host writes at input(), calls step() and reads at output(). */
#include "model.h"
#include "replay_model.h"

#define EXPORT(name) __attribute__((export_name(#name)))

static INPUT one_input;
static OUTPUT one_output;

EXPORT(input) void* input(void) { return &one_input; }
EXPORT(output) void* output(void) { return &one_output; }
EXPORT(input_bytes) int input_bytes(void) { return sizeof one_input; }
EXPORT(output_bytes) int output_bytes(void) { return sizeof one_output; }
EXPORT(selftest) int selftest(void) { return SELFTEST(); }
EXPORT(step) int step(void) { return RUN(&one_input, &one_output); }

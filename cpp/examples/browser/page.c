/* A model as a WebAssembly module: the page writes a sample at input(), calls run() and reads at output(). PREFIX: of model.h. */
#include "model.h"

#define JOINED(prefix, name) prefix##name
#define JOIN(prefix, name) JOINED(prefix, name)
#define OF(name) JOIN(PREFIX, name)
#define EXPORT(name) __attribute__((export_name(#name)))

static OF(_input) model_input;
static OF(_output) model_output;
static OF(_workspace) workspace;

EXPORT(input) void* input(void) { return &model_input; }
EXPORT(input_bytes) int input_bytes(void) { return (int)sizeof(model_input); }
EXPORT(output) void* output(void) { return &model_output; }
EXPORT(output_bytes) int output_bytes(void) { return (int)sizeof(model_output); }
EXPORT(selftest) int selftest(void) { return OF(_selftest)(); }

/* 0, or a code of model.h. */
EXPORT(run) int run(void) { return OF(_run_with)(&model_input, &model_output, &workspace); }

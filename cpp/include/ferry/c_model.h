/* ferry/c_model.h: a model of the engine `c` that is linked into the program.
 *
 * For systems where a program loads no machine code while it runs: static musl, iOS, WebAssembly. libferry is built with
 * FERRY_STATIC and has the engines `c` and `c-int8` in it. A bundle still brings contract, goldens and tolerances, and the
 * SHA-256 of its C files names the model: a session refuses a bundle whose C files no linked model was built from.
 *
 * In CMake `ferry_link_bundle(TARGET FOLDER)` writes and compiles what registers the model. It is one C file a bundle:
 *
 *   #define FERRY_SOURCES "<SHA-256 of each C file of the artifact, in the manifest's order, between commas>"
 *   #define ferrySources my_sources           (the same for ferryInput, ferryOutput, ferryRun, ferrySelftest)
 *   #include "FOLDER/engine.c"
 *   #include <ferry/c_model.h>
 *   static const ferry_c_model model = {my_sources, my_input, my_output, my_run, my_selftest};
 *   __attribute__((constructor)) static void link_model(void) { (void)ferry_register_c_model(&model); }
 */
#ifndef FERRY_C_MODEL_H
#define FERRY_C_MODEL_H

#include <stddef.h>
#include <stdint.h>

#include <ferry/export.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What engine.c of the bundle defines. */
typedef struct ferry_c_model {
  const char* sources;  /* ferrySources */
  const size_t* input;  /* ferryInput */
  const size_t* output; /* ferryOutput */
  int (*run)(const void* inputs, void* outputs, size_t count);
  int (*selftest)(void);
} ferry_c_model;

/* `model` stays alive. FERRY_UNAVAILABLE where libferry has its engine `c` as a plugin. */
FERRY_API int32_t ferry_register_c_model(const ferry_c_model* model);

#ifdef __cplusplus
}
#endif
#endif

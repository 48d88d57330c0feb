/* ferry/engine.h: what an engine plugin must give.
 *
 * An engine runs one kind of artifact. It is a shared library libferry_engine_NAME.so that exports one symbol,
 * ferry_engine_entry, and is opened on demand from FERRY_ENGINE_DIR or from the folder `ferry/` beside libferry.
 * This header is C so that a plugin and libferry may come from different compilers.
 *
 * The host (libferry) has checked everything before the engine sees it: the artifact's SHA-256, and each input's
 * name, dtype, shape, byte count and finiteness against the contract. The engine gives its outputs to a sink; the host
 * checks them against the contract and copies them. No exception may leave a function of this table.
 */
#ifndef FERRY_ENGINE_H
#define FERRY_ENGINE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised by every change of this header that breaks a built plugin; a plugin of another version is refused. */
#define FERRY_ENGINE_ABI_VERSION 2u

/* The exit codes of FORMAT.md section 11; what the functions below return. */
enum {
  FERRY_OK = 0,
  FERRY_MISMATCH = 1,
  FERRY_USAGE = 2,
  FERRY_FORMAT = 3,
  FERRY_INTEGRITY = 4,
  FERRY_UNAVAILABLE = 5,
  FERRY_IO = 6,
  FERRY_BAD_INPUT = 7,
  FERRY_INTERNAL = 9
};

enum {
  FERRY_BOOL = 0,
  FERRY_UINT8 = 1,
  FERRY_INT8 = 2,
  FERRY_INT16 = 3,
  FERRY_INT32 = 4,
  FERRY_INT64 = 5,
  FERRY_FLOAT32 = 6,
  FERRY_FLOAT64 = 7,
  FERRY_FLOAT16 = 8, /* IEEE 754 binary16: 16 bits a number, as a uint16_t */
  FERRY_BFLOAT16 = 9 /* the upper 16 bits of a float, as a uint16_t */
};

/* What an engine says of itself in ferry_engine.flags. */
enum {
  /* It runs machine code that lies in the bundle. The host opens nothing with it unless the user has allowed that
   * (SessionOptions::allow_native, ferry-run --allow-native). */
  FERRY_ENGINE_NATIVE_CODE = 1,
  /* Its table has `prepare`. */
  FERRY_ENGINE_PREPARES = 2,
  /* Its table has `run_into`. */
  FERRY_ENGINE_WRITES = 4,
  /* It computes one sample after the other: a sample's answer has the same bits in every call. */
  FERRY_ENGINE_SAMPLE_BY_SAMPLE = 8,
  /* Its table has `profile`. */
  FERRY_ENGINE_PROFILES = 16,
  /* Calls of one model do not wait for each other: the host gives sessions that ask for the same one model together, so that
   * its weights lie in memory once. */
  FERRY_ENGINE_SHARES_MODELS = 32
};

/* A borrowed, contiguous, C-order tensor in host memory, little-endian. */
typedef struct ferry_tensor_view {
  const char* name;     /* the contract's name, or NULL for an output that has none: outputs are then taken in contract order */
  int32_t dtype;        /* FERRY_FLOAT32 ... */
  int32_t rank;         /* 0..8 */
  const int64_t* shape; /* rank dims */
  const void* data;     /* aligned to the element; may be NULL when bytes is 0 */
  size_t bytes;         /* elements x element size */
} ferry_tensor_view;

/* Memory of the caller for one output: as ferry_tensor_view, but to be written. */
typedef struct ferry_tensor_buffer {
  const char* name;
  int32_t dtype;
  int32_t rank;
  const int64_t* shape;
  void* data;
  size_t bytes;
} ferry_tensor_buffer;

/* One line of text for the user, cut at the size: what was got, what was expected, what to do. */
typedef struct ferry_engine_error {
  char text[1024];
} ferry_engine_error;

/* One tensor of the contract. A symbolic dim is -1. */
typedef struct ferry_tensor_spec {
  const char* name;
  int32_t dtype;
  int32_t rank;
  const int64_t* shape;
} ferry_tensor_spec;

typedef struct ferry_artifact_file {
  const char* path; /* as in the manifest, for messages only */
  const void* data; /* verified bytes; valid until open returns, or until close where the request says so */
  size_t bytes;
  const char* sha256; /* of data, 64 lower-case hex digits: what an engine that keeps models may know them by */
} ferry_artifact_file;

/* The time of one layer, or of one operator where the runtime knows no layers. */
typedef struct ferry_layer_time {
  const char* name;    /* in the artifact: "/net/0/Gemm"; where it has none, the place in a call, from 0: "3" */
  const char* kind;    /* the operator: "Gemm", "aten::linear" */
  int64_t nanoseconds; /* of all calls together */
} ferry_layer_time;

typedef struct ferry_requirement {
  const char* key;
  const char* value;
} ferry_requirement;

/* Everything an engine is given to open a model. Pointers are valid until open returns. */
typedef struct ferry_open_request {
  const char* format; /* the artifact's format, e.g. "torchscript" */
  const ferry_artifact_file* files;
  size_t file_count; /* at least 1; the first is the one to open. Native files that are listed and not there are left out. */
  const ferry_requirement* requires_;
  size_t require_count;
  const ferry_tensor_spec* inputs;
  size_t input_count;
  const ferry_tensor_spec* outputs;
  size_t output_count;
  const char* device; /* "cpu" or "cuda:N"; a device that is not there is FERRY_UNAVAILABLE, never another device */
  int32_t threads;    /* inside one call, at least 1 */
  /* Operators, as "aten::as_strided", that the user lets a model use although they may do more than compute. An engine whose
   * models name operators refuses (FERRY_FORMAT) those that are neither harmless nor here. */
  const char* const* allowed_operators;
  size_t allowed_operator_count;
  int32_t models;  /* at least 1: so many calls run at once where a model of the runtime takes one at a time */
  int32_t lasting; /* not 0: the files' data is valid until close, and other sessions may read it too */
} ferry_open_request;

typedef struct ferry_engine_model ferry_engine_model; /* the engine's own type */

/* Takes the outputs of one run, all at once, while they are alive. Returns FERRY_OK or the code that run must return. */
typedef int32_t (*ferry_output_sink)(void* context, const ferry_tensor_view* outputs, size_t count);

/* Takes the times of all layers, in the order in which they ran first. Returns what profile must return. */
typedef int32_t (*ferry_layer_sink)(void* context, const ferry_layer_time* layers, size_t count);

typedef struct ferry_engine {
  uint32_t abi_version; /* FERRY_ENGINE_ABI_VERSION */
  uint32_t flags;       /* 0, or FERRY_ENGINE_NATIVE_CODE and the like, added */
  const char* name;     /* as in the file name and in the manifest's `engine` */
  const char* runtime;  /* e.g. "LibTorch 2.13.0" */

  /* What decides the bits of this engine's float results on this machine (FORMAT.md section 5, `numerics`); "" if unknown.
   * Static storage. */
  const char* (*numerics)(void);

  int32_t (*open)(const ferry_open_request* request, ferry_engine_model** model, ferry_engine_error* error);

  /* Called from many threads at once on one model. Inputs come in contract order. */
  int32_t (*run)(ferry_engine_model* model, const ferry_tensor_view* inputs, size_t count, ferry_output_sink sink, void* context,
                 ferry_engine_error* error);

  /* `calls` timed calls written directly against the runtime, without the host: what `ferry-run bench` compares `run` with.
   * Writes the nanoseconds of each call. May be NULL. */
  int32_t (*run_direct)(ferry_engine_model* model, const ferry_tensor_view* inputs, size_t count, size_t calls,
                        int64_t* nanoseconds, ferry_engine_error* error);

  void (*close)(ferry_engine_model* model);

  /* Only with FERRY_ENGINE_PREPARES. Called before `open` where that will run in isolation, which allows no programs: does what
   * needs one, a compiler for instance, and runs nothing of the bundle. */
  int32_t (*prepare)(const ferry_open_request* request, ferry_engine_error* error);

  /* Only with FERRY_ENGINE_WRITES. As `run`, into the caller's memory: the outputs come in contract order, with the shapes that
   * the contract gives for these inputs, and overlap nothing. FERRY_MISMATCH where the model gives another shape. */
  int32_t (*run_into)(ferry_engine_model* model, const ferry_tensor_view* inputs, size_t count,
                      const ferry_tensor_buffer* outputs, size_t output_count, ferry_engine_error* error);

  /* How many calls of the model run at the same time, further ones wait; 0: as many as there are. NULL: 0. */
  int32_t (*concurrency)(const ferry_engine_model* model);

  /* Only with FERRY_ENGINE_PROFILES. Opens a model of its own for these inputs, runs it some times unmeasured and `calls` times
   * measured by the runtime itself, and closes it: a model that serves is never slowed down by being measured. */
  int32_t (*profile)(const ferry_open_request* request, const ferry_tensor_view* inputs, size_t count, size_t calls,
                     ferry_layer_sink sink, void* context, ferry_engine_error* error);
} ferry_engine;

/* The one exported symbol: a table with static storage. */
#if defined(_WIN32)
#define FERRY_ENGINE_EXPORT __declspec(dllexport)
#else
#define FERRY_ENGINE_EXPORT __attribute__((visibility("default")))
#endif
typedef const ferry_engine* (*ferry_engine_entry_function)(void);
FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry(void);

#ifdef __cplusplus
}
#endif
#endif

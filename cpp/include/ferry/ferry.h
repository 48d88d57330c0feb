/* ferry/ferry.h: the C API of torchferry, for C and for other languages' foreign functions.
 *
 *   ferry_bundle* bundle = NULL;
 *   ferry_session* session = NULL;
 *   if (ferry_bundle_open("exported/digits-mlp", &bundle) != FERRY_OK) puts(ferry_last_error());
 *   if (ferry_session_open(bundle, "torchscript", "cpu", 1, &session) != FERRY_OK) puts(ferry_last_error());
 *
 * Functions that can fail return FERRY_OK or one of the codes of engine.h; what they would have given is then NULL. The text of
 * the thread's last failure is ferry_last_error(). A NULL handle or argument is FERRY_USAGE, and closing NULL does nothing. No
 * C++ exception leaves this API.
 */
#ifndef FERRY_FERRY_H
#define FERRY_FERRY_H

#include <ferry/engine.h>
#include <ferry/export.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ferry_bundle ferry_bundle;
typedef struct ferry_session ferry_session;
typedef struct ferry_batcher ferry_batcher;
typedef struct ferry_call ferry_call;
typedef struct ferry_outputs ferry_outputs;
typedef struct ferry_text ferry_text;
typedef struct ferry_stream ferry_stream;
typedef struct ferry_shadow ferry_shadow;
typedef struct ferry_samples ferry_samples;

FERRY_API const char* ferry_version(void);

/* Bytes of one element of FERRY_BOOL ... FERRY_BFLOAT16; 0 for other numbers. Numbers of FERRY_FLOAT16 and FERRY_BFLOAT16 are
 * passed as their 16 bits: C has no type for them, ferry/half.hpp converts them in C++. */
FERRY_API size_t ferry_element_size(int32_t dtype);

/* Of this thread's last failure; "" and FERRY_OK before the first. Valid until the thread's next failure. */
FERRY_API const char* ferry_last_error(void);
FERRY_API int32_t ferry_last_code(void);

/* Opens a bundle, a folder or the one file that `ferry pack` wrote; every file's SHA-256 is checked here. */
FERRY_API int32_t ferry_bundle_open(const char* path, ferry_bundle** bundle);
/* The same from the bytes of a file that `ferry pack` wrote, which are copied. */
FERRY_API int32_t ferry_bundle_open_memory(const void* bytes, size_t size, ferry_bundle** bundle);
/* The same, only if a key of `keys` signed it: a minisign public key file, or a folder of *.pub files and a file `revoked`. */
FERRY_API int32_t ferry_bundle_open_trusted(const char* path, const char* keys, ferry_bundle** bundle);
FERRY_API int32_t ferry_bundle_open_memory_trusted(const void* bytes, size_t size, const char* keys, ferry_bundle** bundle);
/* The same as ferry_bundle_open, or with `keys` as ferry_bundle_open_trusted (they may be NULL), but a file's SHA-256 is checked
 * when it is first read: what no engine of yours reads costs nothing. Nothing is used before it is checked. */
FERRY_API int32_t ferry_bundle_open_lazy(const char* path, const char* keys, ferry_bundle** bundle);
/* Holds every bundle that this process opens later to that; `keys` may be NULL where a signature is only required, so that each
 * call must name its keys. FERRY_USAGE for a second, other policy. */
FERRY_API int32_t ferry_set_trust_policy(const char* keys, int32_t require_signature);
FERRY_API void ferry_bundle_close(ferry_bundle* bundle);

/* The contract and the engines that the bundle has artifacts for. Valid until the bundle is closed; NULL beyond the count. A
 * spec's shape has -1 for a symbolic dim. */
FERRY_API size_t ferry_bundle_input_count(const ferry_bundle* bundle);
FERRY_API size_t ferry_bundle_output_count(const ferry_bundle* bundle);
FERRY_API size_t ferry_bundle_engine_count(const ferry_bundle* bundle);
FERRY_API const ferry_tensor_spec* ferry_bundle_input(const ferry_bundle* bundle, size_t index);
FERRY_API const ferry_tensor_spec* ferry_bundle_output(const ferry_bundle* bundle, size_t index);
FERRY_API const char* ferry_bundle_engine(const ferry_bundle* bundle, size_t index);

/* What the manifest says, and the SHA-256 of its bytes, 64 lower-case hex digits, which stands for the whole bundle. `manifest`
 * is its JSON (FORMAT.md section 2): symbols, ranges, goldens, tolerances and all else are in there. Valid until the bundle is
 * closed. */
FERRY_API const char* ferry_bundle_name(const ferry_bundle* bundle);
FERRY_API const char* ferry_bundle_digest(const ferry_bundle* bundle);
FERRY_API const char* ferry_bundle_manifest(const ferry_bundle* bundle);

/* The golden cases: the name, or NULL beyond the count, and the tensors. `part` is "inputs", "float32" or "float64": what the
 * model answered to them in that arithmetic. A case of a stream (`stream-8-step-1`) has no inputs for the state: ferry_verify
 * replays it by ferry_stream_run. The files are checked once more. */
FERRY_API size_t ferry_bundle_golden_count(const ferry_bundle* bundle);
FERRY_API const char* ferry_bundle_golden_name(const ferry_bundle* bundle, size_t index);
FERRY_API int32_t ferry_bundle_read_golden(const ferry_bundle* bundle, size_t index, const char* part, ferry_outputs** tensors);

/* Who signed it: `report` gets a JSON list, each with "file", "key_id", "comment" and "trusted", which says whether a trusted key
 * made it. Reads the signatures now. */
FERRY_API int32_t ferry_bundle_signatures(const ferry_bundle* bundle, ferry_text** report);

/* The names of the classes, and the output that counts them; 0 and NULL where the contract has none. */
FERRY_API size_t ferry_bundle_class_count(const ferry_bundle* bundle);
FERRY_API const char* ferry_bundle_class(const ferry_bundle* bundle, size_t index);
FERRY_API const char* ferry_bundle_class_output(const ferry_bundle* bundle);

/* Lets sessions opened after this call run machine code that lies in the bundle (engine.h, FERRY_ENGINE_NATIVE_CODE). It has all
 * rights of the process: call this only for a bundle that you built or trust as you trust a program. */
FERRY_API void ferry_bundle_allow_native(ferry_bundle* bundle);

/* Lets sessions opened after this call use an operator, as "aten::as_strided", that engine `torchscript` refuses by itself
 * because it may do more than compute. FERRY_USAGE for a text that names no operator. */
FERRY_API int32_t ferry_bundle_allow_operator(ferry_bundle* bundle, const char* name);

/* Lets sessions opened after this call run their model in isolation: in a child process that can do nothing but compute
 * (SessionOptions::isolate). What goes wrong there is FERRY_UNAVAILABLE. */
FERRY_API void ferry_bundle_isolate(ferry_bundle* bundle);

/* Gives isolated sessions opened after this call so much memory for the model's data; 0: three quarters of the machine's. */
FERRY_API void ferry_bundle_set_memory(ferry_bundle* bundle, uint64_t bytes);

/* Gives sessions opened after this call that many seconds for opening and for each call; 0: no limit. In isolation a model that
 * takes longer is FERRY_UNAVAILABLE; otherwise the process ends with exit code 5 (SessionOptions::timeout). */
FERRY_API void ferry_bundle_set_timeout(ferry_bundle* bundle, double seconds);

/* Lets sessions opened after this call run so many calls at once with `aoti` and `executorch`, a model of which takes one call at
 * a time (SessionOptions::models). */
FERRY_API void ferry_bundle_set_models(ferry_bundle* bundle, int32_t models);

/* Lets sessions opened after this call map the artifact's files instead of reading them: nobody may change or cut these while a
 * session lives (SessionOptions::map_files). */
FERRY_API void ferry_bundle_map_files(ferry_bundle* bundle);

/* Takes an engine that is linked into this program, instead of a plugin of that name: `engine` stays alive. FERRY_UNAVAILABLE
 * for a table that no plugin may have, FERRY_USAGE for a second one of that name. */
FERRY_API int32_t ferry_register_engine(const ferry_engine* engine);

/* Looks for plugins in an absolute folder too: after those of FERRY_ENGINE_DIR, before those beside libferry. */
FERRY_API int32_t ferry_add_engine_folder(const char* path);

/* One bundle on one engine and device ("cpu" or "cuda:N"), warmed up. The bundle may be closed before the session. */
FERRY_API int32_t ferry_session_open(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads,
                                     ferry_session** session);
FERRY_API void ferry_session_close(ferry_session* session);

/* What the session is: "torchscript", "cpu", "LibTorch 2.13.0", and what decides the bits of its results (FORMAT.md section 5).
 * Valid until the session is closed. */
FERRY_API const char* ferry_session_engine(const ferry_session* session);
FERRY_API const char* ferry_session_device(const ferry_session* session);
FERRY_API const char* ferry_session_runtime(const ferry_session* session);
FERRY_API const char* ferry_session_numerics(const ferry_session* session);

/* Runs inputs that are given by name, in any order. May be called from many threads at once. */
FERRY_API int32_t ferry_session_run(const ferry_session* session, const ferry_tensor_view* inputs, size_t count,
                                    ferry_outputs** outputs);

/* Runs into memory of the caller, given by name with the dtypes and shapes that the outputs of these inputs have. With the
 * engines `c` and `c-int8` a call of few samples asks for no memory and calls no system: the last error's text says why a buffer
 * was refused (FERRY_BAD_INPUT: too small, misaligned, overlapping). What the buffers hold after a failure is not defined. */
FERRY_API int32_t ferry_session_run_into(const ferry_session* session, const ferry_tensor_view* inputs, size_t count,
                                         const ferry_tensor_buffer* outputs, size_t output_count);

/* How many calls run at the same time, further ones wait; 0: as many as there are. */
FERRY_API size_t ferry_session_concurrency(const ferry_session* session);

/* Where the time of these inputs goes, layer by layer, on a model of its own: `report` gets JSON with "engine", "calls" and
 * "layers", each with "name", "kind" and the "nanoseconds" of one call. `calls`: 1 to 10000. FERRY_UNAVAILABLE where the runtime
 * does not time its layers: `onnxruntime` and `torchscript` do. */
FERRY_API int32_t ferry_session_profile(const ferry_session* session, const ferry_tensor_view* inputs, size_t count,
                                        int32_t calls, ferry_text** report);

/* Files as samples of a bundle's inputs, as `ferry-run predict --input` takes them (FORMAT.md section 10): pictures (PNG, JPEG,
 * BMP, PGM, PPM) and WAV files, one a sample, also as a folder; tables (CSV), JSON lines, .npy and .npz. Each of `files` is FILE
 * or NAME=FILE. libferry_samples, which is opened for it, lies beside the engines: FERRY_UNAVAILABLE where it is not there. */
FERRY_API int32_t ferry_samples_open(const ferry_bundle* bundle, const char* const* files, size_t count, ferry_samples** samples);
/* The next `count` samples, or those that are left, as inputs of a call: ferry_session_run(session, ferry_outputs_get(*inputs,
 * 0), ferry_outputs_count(*inputs), &outputs). FERRY_OK and NULL at the end. One call at a time. */
FERRY_API int32_t ferry_samples_read(ferry_samples* samples, int64_t count, ferry_outputs** inputs);
FERRY_API void ferry_samples_close(ferry_samples* samples);

/* Calls of many threads, joined to larger ones of a session of its own (ferry/batcher.hpp): up to `most` samples, a call waiting
 * `wait_us` microseconds for others, `queue` samples at most. With `keep_bits` only an engine that computes one sample after the
 * other: each answer has the bits of a call of its own. Closing it runs every call that waits. */
FERRY_API int32_t ferry_batcher_open(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads,
                                     size_t most, int64_t wait_us, size_t queue, int32_t keep_bits, ferry_batcher** batcher);
FERRY_API void ferry_batcher_close(ferry_batcher* batcher);

/* Copies the inputs and waits for the answer. A call that has not begun within `limit_us` microseconds is FERRY_UNAVAILABLE, as
 * is one for which the queue is full; below 0: no limit. */
FERRY_API int32_t ferry_batcher_run(const ferry_batcher* batcher, const ferry_tensor_view* inputs, size_t count, int64_t limit_us,
                                    ferry_outputs** outputs);

/* The same without waiting. `ferry_call_get` waits, once; `ferry_call_cancel` is FERRY_MISMATCH where the call has begun, and may
 * be called while another thread waits. */
FERRY_API int32_t ferry_batcher_submit(const ferry_batcher* batcher, const ferry_tensor_view* inputs, size_t count,
                                       int64_t limit_us, ferry_call** call);
FERRY_API int32_t ferry_call_get(ferry_call* call, ferry_outputs** outputs);
FERRY_API int32_t ferry_call_cancel(ferry_call* call);
FERRY_API void ferry_call_close(ferry_call* call);

/* A model that remembers (ferry/stream.hpp): `inputs[i]` of a call gets `outputs[i]` of the call before it, zeros at first.
 * NULL, NULL and a count of 0: the pairs of the contract. `samples`: the batch N of every call. One call at a time. The session
 * must be closed after it. */
FERRY_API int32_t ferry_stream_open(const ferry_bundle* bundle, const ferry_session* session, const char* const* inputs,
                                    const char* const* outputs, size_t count, int64_t samples, ferry_stream** stream);
FERRY_API void ferry_stream_close(ferry_stream* stream);
/* The inputs without the state. After a failure the state is as it was. */
FERRY_API int32_t ferry_stream_run(ferry_stream* stream, const ferry_tensor_view* inputs, size_t count, ferry_outputs** outputs);
/* Zeros again. */
FERRY_API int32_t ferry_stream_reset(ferry_stream* stream);
/* What the next call gets, by input. */
FERRY_API int32_t ferry_stream_state(const ferry_stream* stream, ferry_outputs** state);

/* A session, one of `every` calls of which `shadow_engine` repeats in the background (ferry/shadow.hpp). At most `queue` calls
 * wait for it. `hook` may be NULL; it is told on the shadow's thread whether the two engines agree within their bounds, and the
 * verdicts as JSON, which live as long as the hook's call. Closing it repeats what waits. */
typedef void (*ferry_shadow_hook)(int32_t passed, const char* verdict, void* context);
typedef struct ferry_shadow_counts {
  uint64_t calls;
  uint64_t repeated;
  uint64_t failed;  /* of the repeated ones: other answers, or none */
  uint64_t skipped; /* should have been repeated, and the queue was full */
} ferry_shadow_counts;
FERRY_API int32_t ferry_shadow_open(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads,
                                    const char* shadow_engine, size_t every, size_t queue, ferry_shadow_hook hook, void* context,
                                    ferry_shadow** shadow);
FERRY_API void ferry_shadow_close(ferry_shadow* shadow);
FERRY_API int32_t ferry_shadow_run(const ferry_shadow* shadow, const ferry_tensor_view* inputs, size_t count,
                                   ferry_outputs** outputs);
FERRY_API int32_t ferry_shadow_count(const ferry_shadow* shadow, ferry_shadow_counts* counts);

/* One step of libferry that has ended (ferry/spans.hpp): "bundle.open", "session.open", "session.run", "verify". The texts live
 * as long as the hook's call; the times are nanoseconds of the system's steady clock. */
typedef struct ferry_span {
  const char* name;
  const char* engine; /* "" where there is none */
  int32_t failed;     /* 1: it ended with an error */
  int64_t begin;
  int64_t end;
} ferry_span;
typedef void (*ferry_span_hook)(const ferry_span* span, void* context);
/* Tells `hook` of each step, on its thread; NULL: nobody. What was set stays valid until every step that had begun has ended. */
FERRY_API int32_t ferry_set_span_hook(ferry_span_hook hook, void* context);

/* The outputs in contract order. Valid until they are closed; NULL beyond the count or for an unknown name. */
FERRY_API size_t ferry_outputs_count(const ferry_outputs* outputs);
FERRY_API const ferry_tensor_view* ferry_outputs_get(const ferry_outputs* outputs, size_t index);
FERRY_API const ferry_tensor_view* ferry_outputs_find(const ferry_outputs* outputs, const char* name);
FERRY_API void ferry_outputs_close(ferry_outputs* outputs);

/* Replays the goldens `calls` times (1 to 100) on one engine; with NULL on every engine of the bundle that can run here. FERRY_OK
 * means that every one that ran passed, and that one ran. `report` gets the verdicts as JSON (FORMAT.md section 9), also where
 * the code is FERRY_MISMATCH, an engine failed, or FERRY_UNAVAILABLE, none could run or a model had to be contained. */
FERRY_API int32_t ferry_verify(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads, int32_t calls,
                               ferry_text** report);

/* UTF-8, valid until the text is closed; NULL of NULL. */
FERRY_API const char* ferry_text_get(const ferry_text* text);
FERRY_API void ferry_text_close(ferry_text* text);

#ifdef __cplusplus
}
#endif
#endif

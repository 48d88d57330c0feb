/* The C ABI from C11: opens the bundle in argv[1], and the bytes of argv[2], with the engine `toy`, runs them, and meets every
 * kind of refusal. */
#include <ferry/ferry.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"

static void check_contract(const ferry_bundle* bundle) {
  CHECK(ferry_bundle_input_count(bundle) == 1);
  CHECK(ferry_bundle_output_count(bundle) == 2);
  CHECK(ferry_bundle_engine_count(bundle) == 1);
  CHECK(strcmp(ferry_bundle_engine(bundle, 0), "toy") == 0);
  CHECK(ferry_bundle_engine(bundle, 1) == NULL);
  const ferry_tensor_spec* x = ferry_bundle_input(bundle, 0);
  CHECK(x != NULL && strcmp(x->name, "x") == 0 && x->dtype == FERRY_FLOAT32);
  CHECK(x != NULL && x->rank == 2 && x->shape[0] == -1 && x->shape[1] == 3);
  CHECK(ferry_bundle_input(bundle, 1) == NULL);
  CHECK(strcmp(ferry_bundle_output(bundle, 1)->name, "label") == 0);
}

static void check_run(const ferry_session* session) {
  const float values[6] = {1, 2, 3, 6, 5, 4};
  const int64_t shape[2] = {2, 3};
  const ferry_tensor_view x = {"x", FERRY_FLOAT32, 2, shape, values, sizeof values};
  ferry_outputs* outputs = NULL;
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_OK);
  CHECK(ferry_outputs_count(outputs) == 2);
  const ferry_tensor_view* scaled = ferry_outputs_get(outputs, 0);
  CHECK(scaled != NULL && strcmp(scaled->name, "scaled") == 0 && scaled->bytes == 24);
  CHECK(scaled != NULL && ((const float*)scaled->data)[5] == 8.0F);
  const ferry_tensor_view* label = ferry_outputs_find(outputs, "label");
  CHECK(label != NULL && label->dtype == FERRY_INT64 && ((const int64_t*)label->data)[0] == 2);
  CHECK(ferry_outputs_get(outputs, 2) == NULL);
  CHECK(ferry_outputs_find(outputs, "other") == NULL);
  ferry_outputs_close(outputs);
}

/* A call of one sample and one of two, joined: nobody waits for the hour, since three samples fill a call. */
static void check_batcher(const ferry_bundle* bundle) {
  const int64_t hour = (int64_t)3600 * 1000 * 1000;
  const float values[6] = {1, 2, 3, 6, 5, 4};
  const int64_t one[2] = {1, 3};
  const int64_t two[2] = {2, 3};
  const ferry_tensor_view first = {"x", FERRY_FLOAT32, 2, one, values, 12};
  const ferry_tensor_view rest = {"x", FERRY_FLOAT32, 2, two, values, 24};
  ferry_batcher* batcher = (ferry_batcher*)&hour; /* must become NULL */
  CHECK(ferry_batcher_open(bundle, "toy", "cpu", 1, 3, hour, 9, 1, &batcher) == FERRY_USAGE);
  CHECK(batcher == NULL && strstr(ferry_last_error(), "keep_bits") != NULL);
  CHECK(ferry_batcher_open(bundle, "toy", "cpu", 1, 3, hour, 9, 0, &batcher) == FERRY_OK);
  ferry_call* call = NULL;
  ferry_outputs* outputs = NULL;
  CHECK(ferry_batcher_submit(batcher, &first, 1, -1, &call) == FERRY_OK);
  CHECK(ferry_batcher_run(batcher, &rest, 1, -1, &outputs) == FERRY_OK);
  const ferry_tensor_view* scaled = ferry_outputs_find(outputs, "scaled");
  CHECK(scaled != NULL && scaled->bytes == 24 && ((const float*)scaled->data)[5] == 8.0F);
  ferry_outputs_close(outputs);
  CHECK(ferry_call_get(call, &outputs) == FERRY_OK);
  scaled = ferry_outputs_find(outputs, "scaled");
  CHECK(scaled != NULL && scaled->bytes == 12 && ((const float*)scaled->data)[2] == 6.0F);
  ferry_outputs_close(outputs);
  CHECK(ferry_call_get(call, &outputs) == FERRY_USAGE && outputs == NULL);
  CHECK(ferry_call_cancel(call) == FERRY_USAGE);
  ferry_call_close(call);
  CHECK(ferry_batcher_submit(batcher, &first, 1, 0, &call) == FERRY_OK);
  CHECK(ferry_call_cancel(call) == FERRY_OK);
  CHECK(ferry_call_cancel(call) == FERRY_MISMATCH);
  CHECK(ferry_call_get(call, &outputs) == FERRY_UNAVAILABLE);
  ferry_call_close(call);
  const ferry_tensor_view broken[3] = {{"x", FERRY_FLOAT32, 99, one, values, 12},
                                       {"x", FERRY_FLOAT32, 2, NULL, values, 12},
                                       {NULL, FERRY_FLOAT32, 2, one, values, 12}};
  for (int i = 0; i < 3; ++i) CHECK(ferry_batcher_run(batcher, &broken[i], 1, -1, &outputs) == FERRY_BAD_INPUT);
  const ferry_tensor_view few = {"x", FERRY_FLOAT32, 2, one, values, 11};
  CHECK(ferry_batcher_run(batcher, &few, 1, -1, &outputs) == FERRY_BAD_INPUT);
  CHECK(strcmp(ferry_last_error(), "input x: bytes: got 11, expected 12 for float32[1,3]") == 0);
  const ferry_tensor_view unknown = {"x", 99, 2, one, values, 12};
  CHECK(ferry_batcher_run(batcher, &unknown, 1, -1, &outputs) == FERRY_BAD_INPUT);
  CHECK(strstr(ferry_last_error(), "input x: dtype: got the number 99") != NULL);
  CHECK(ferry_batcher_run(NULL, &first, 1, -1, &outputs) == FERRY_USAGE);
  CHECK(ferry_batcher_submit(batcher, &first, 1, -1, NULL) == FERRY_USAGE);
  ferry_batcher_close(batcher);
  ferry_batcher_close(NULL);
  ferry_call_close(NULL);
}

static void check_run_into(const ferry_session* session) {
  const float values[3] = {1, 5, 3};
  float scaled[3] = {0};
  int64_t label[1] = {-1};
  const int64_t matrix[2] = {1, 3};
  const int64_t vector[1] = {1};
  const ferry_tensor_view x = {"x", FERRY_FLOAT32, 2, matrix, values, sizeof values};
  ferry_tensor_buffer outputs[2] = {{"scaled", FERRY_FLOAT32, 2, matrix, scaled, sizeof scaled},
                                    {"label", FERRY_INT64, 1, vector, label, sizeof label}};
  CHECK(ferry_session_run_into(session, &x, 1, outputs, 2) == FERRY_OK);
  CHECK(scaled[1] == 10.0F && label[0] == 1);
  CHECK(ferry_session_run_into(session, &x, 1, outputs, 1) == FERRY_BAD_INPUT);
  outputs[0].bytes = 8;
  CHECK(ferry_session_run_into(session, &x, 1, outputs, 2) == FERRY_BAD_INPUT);
  CHECK(strcmp(ferry_last_error(), "output scaled: bytes: got 8, expected 12 for float32[1,3]") == 0);
  CHECK(ferry_session_run_into(NULL, &x, 1, outputs, 2) == FERRY_USAGE);
  CHECK(ferry_session_run_into(session, &x, 1, NULL, 2) == FERRY_USAGE);
}

static void check_refusals(const ferry_bundle* bundle, const ferry_session* session) {
  const float values[3] = {0};
  const int64_t shape[2] = {1, 3};
  ferry_tensor_view x = {"x", FERRY_FLOAT64, 2, shape, values, sizeof values};
  ferry_outputs* outputs = (ferry_outputs*)&x; /* must become NULL */
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_BAD_INPUT);
  CHECK(outputs == NULL);
  CHECK(ferry_last_code() == FERRY_BAD_INPUT);
  CHECK(strcmp(ferry_last_error(), "input x: dtype: got float64, expected float32; convert the values before the call") == 0);
  x.dtype = FERRY_FLOAT32;
  x.shape = NULL;
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_BAD_INPUT);
  CHECK(strcmp(ferry_last_error(), "input x: shape: got NULL with rank 2, expected a pointer to as many dims") == 0);
  x.shape = shape;
  x.rank = 9;
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_BAD_INPUT);
  CHECK(strcmp(ferry_last_error(), "input x: rank: got 9, expected 0 to 8 dims in shape") == 0);
  x.rank = 2;
  x.name = NULL;
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_BAD_INPUT);
  CHECK(ferry_session_run(session, NULL, 1, &outputs) == FERRY_USAGE);
  CHECK(ferry_session_run(NULL, &x, 1, &outputs) == FERRY_USAGE);

  const float large[3] = {1, 2, 3e38F}; /* doubled, it is infinite, which the contract does not allow */
  const ferry_tensor_view overflowing = {"x", FERRY_FLOAT32, 2, shape, large, sizeof large};
  CHECK(ferry_session_run(session, &overflowing, 1, &outputs) == FERRY_MISMATCH);
  CHECK(outputs == NULL);
  CHECK(strstr(ferry_last_error(), "output scaled: element [0,2]: got inf") != NULL);

  ferry_session* other = NULL;
  CHECK(ferry_session_open(bundle, "absent", "cpu", 1, &other) == FERRY_UNAVAILABLE);
  CHECK(ferry_session_open(bundle, "toy", "cuda:0", 1, &other) == FERRY_UNAVAILABLE);
  CHECK(ferry_session_open(bundle, "toy", "gpu", 1, &other) == FERRY_USAGE);
  CHECK(ferry_session_open(bundle, "toy", "cpu", 0, &other) == FERRY_USAGE);
  CHECK(ferry_session_open(bundle, NULL, "cpu", 1, &other) == FERRY_USAGE);
  CHECK(other == NULL);

  ferry_bundle* nothing = NULL;
  CHECK(ferry_bundle_open("/nowhere", &nothing) == FERRY_IO);
  CHECK(ferry_bundle_open(NULL, &nothing) == FERRY_USAGE);
  CHECK(ferry_bundle_open("/nowhere", NULL) == FERRY_USAGE);
  CHECK(nothing == NULL);
}

static void check_manifest(const ferry_bundle* bundle) {
  CHECK(strcmp(ferry_bundle_name(bundle), "toy") == 0);
  CHECK(strlen(ferry_bundle_digest(bundle)) == 64);
  CHECK(strstr(ferry_bundle_manifest(bundle), "\"tolerances\"") != NULL);
  CHECK(ferry_bundle_class_count(bundle) == 3);
  CHECK(strcmp(ferry_bundle_class(bundle, 2), "right") == 0 && ferry_bundle_class(bundle, 3) == NULL);
  CHECK(strcmp(ferry_bundle_class_output(bundle), "label") == 0);
  CHECK(ferry_bundle_name(NULL) == NULL && ferry_bundle_digest(NULL) == NULL && ferry_bundle_manifest(NULL) == NULL);
  CHECK(ferry_bundle_class_count(NULL) == 0 && ferry_bundle_class(NULL, 0) == NULL && ferry_bundle_class_output(NULL) == NULL);
}

static void check_session(const ferry_session* session) {
  CHECK(strcmp(ferry_session_engine(session), "toy") == 0);
  CHECK(strcmp(ferry_session_device(session), "cpu") == 0);
  CHECK(strlen(ferry_session_runtime(session)) > 0);
  CHECK(strcmp(ferry_session_numerics(session), "toy numerics") == 0);
  CHECK(ferry_session_engine(NULL) == NULL && ferry_session_device(NULL) == NULL);
  CHECK(ferry_session_runtime(NULL) == NULL && ferry_session_numerics(NULL) == NULL);
}

static void check_verify(const ferry_bundle* bundle) {
  ferry_text* report = NULL;
  CHECK(ferry_verify(bundle, NULL, "cpu", 1, 2, &report) == FERRY_OK);
  CHECK(strstr(ferry_text_get(report), "\"status\":\"passed\"") != NULL);
  CHECK(strstr(ferry_text_get(report), "\"call\":2") != NULL);
  ferry_text_close(report);
  CHECK(ferry_verify(bundle, "toy", "cpu", 1, 0, &report) == FERRY_USAGE);
  CHECK(report == NULL && strcmp(ferry_last_error(), "calls: got 0, expected 1 to 100") == 0);
  CHECK(ferry_verify(bundle, "toy", "cpu", 1, 101, &report) == FERRY_USAGE);
  CHECK(ferry_verify(bundle, "absent", "cpu", 1, 1, &report) == FERRY_UNAVAILABLE && report == NULL);
  CHECK(ferry_verify(bundle, NULL, "cuda:0", 1, 1, &report) == FERRY_UNAVAILABLE);
  CHECK(strstr(ferry_text_get(report), "\"status\":\"unavailable\"") != NULL);
  ferry_text_close(report);
  CHECK(ferry_verify(NULL, "toy", "cpu", 1, 1, &report) == FERRY_USAGE && report == NULL);
  CHECK(ferry_verify(bundle, "toy", NULL, 1, 1, &report) == FERRY_USAGE);
  CHECK(ferry_verify(bundle, "toy", "cpu", 1, 1, NULL) == FERRY_USAGE);
  CHECK(ferry_text_get(NULL) == NULL);
  ferry_text_close(NULL);
}

/* The bytes of a file, which the caller frees. */
static char* content_of(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  CHECK(file != NULL && fseek(file, 0, SEEK_END) == 0);
  if (file == NULL) exit(1);
  *size = (size_t)ftell(file);
  rewind(file);
  char* bytes = malloc(*size);
  CHECK(bytes != NULL && fread(bytes, 1, *size, file) == *size);
  fclose(file);
  return bytes;
}

/* The bytes are copied: they are gone when the session runs. */
static void check_memory(const char* path) {
  size_t size = 0;
  char* bytes = content_of(path, &size);
  ferry_bundle* bundle = NULL;
  ferry_session* session = NULL;
  CHECK(ferry_bundle_open_memory(bytes, size, &bundle) == FERRY_OK);
  memset(bytes, 'x', size);
  free(bytes);
  check_contract(bundle);
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_OK);
  check_run(session);
  ferry_session_close(session);
  ferry_bundle_close(bundle);
}

static void check_memory_refusals(const char* path) {
  size_t size = 0;
  char* bytes = content_of(path, &size);
  ferry_bundle* bundle = (ferry_bundle*)&size; /* must become NULL */
  CHECK(ferry_bundle_open_memory(bytes, size - 1, &bundle) == FERRY_FORMAT);
  CHECK(bundle == NULL);
  CHECK(strncmp(ferry_last_error(), "memory: ", 8) == 0);
  CHECK(ferry_bundle_open_memory(bytes, 0, &bundle) == FERRY_FORMAT);
  CHECK(ferry_bundle_open_memory(NULL, size, &bundle) == FERRY_USAGE);
  CHECK(ferry_bundle_open_memory(bytes, size, NULL) == FERRY_USAGE);
  for (char* at = bytes; at + 7 <= bytes + size; ++at)
    if (memcmp(at, "scale 2", 7) == 0) at[6] = '3';
  CHECK(ferry_bundle_open_memory(bytes, size, &bundle) == FERRY_INTEGRITY);
  CHECK(strncmp(ferry_last_error(), "memory/model.toy: sha256: ", 26) == 0);
  CHECK(bundle == NULL);
  free(bytes);
}

/* Last: a policy holds until the process ends. */
static void check_trust(const char* folder, const char* file) {
  size_t size = 0;
  char* bytes = content_of(file, &size);
  ferry_bundle* nothing = NULL;
  CHECK(ferry_bundle_open_memory_trusted(bytes, size, "/nowhere.pub", &nothing) == FERRY_IO);
  CHECK(ferry_bundle_open_memory_trusted(bytes, size, NULL, &nothing) == FERRY_USAGE);
  CHECK(ferry_bundle_open_trusted(folder, "/nowhere.pub", &nothing) == FERRY_IO);
  CHECK(ferry_bundle_open_trusted(folder, NULL, &nothing) == FERRY_USAGE);
  CHECK(ferry_bundle_open_lazy(folder, "/nowhere.pub", &nothing) == FERRY_IO);
  CHECK(ferry_bundle_open_lazy(NULL, NULL, &nothing) == FERRY_USAGE);
  CHECK(ferry_bundle_open_lazy(folder, NULL, &nothing) == FERRY_OK);
  CHECK(ferry_bundle_engine_count(nothing) > 0);
  ferry_bundle_close(nothing);
  CHECK(ferry_set_trust_policy(NULL, 1) == FERRY_OK);
  CHECK(ferry_bundle_open(folder, &nothing) == FERRY_INTEGRITY);
  CHECK(strstr(ferry_last_error(), "signature") != NULL);
  CHECK(ferry_bundle_open_lazy(folder, NULL, &nothing) == FERRY_INTEGRITY);
  CHECK(ferry_bundle_open_memory(bytes, size, &nothing) == FERRY_INTEGRITY);
  CHECK(strstr(ferry_last_error(), "signature") != NULL);
  CHECK(ferry_set_trust_policy("/nowhere.pub", 0) == FERRY_USAGE);
  free(bytes);
  CHECK(nothing == NULL);
}

int main(int argc, char** argv) {
  ferry_bundle* bundle = NULL;
  ferry_session* session = NULL;
  CHECK(argc == 3);
  if (argc != 3) return 1;
  CHECK(ferry_last_code() == FERRY_OK && strcmp(ferry_last_error(), "") == 0);
  CHECK(strlen(ferry_version()) >= 5);
  CHECK(ferry_element_size(FERRY_BOOL) == 1 && ferry_element_size(FERRY_FLOAT64) == 8 && ferry_element_size(FERRY_BFLOAT16) == 2);
  CHECK(ferry_element_size(-1) == 0 && ferry_element_size(10) == 0);
  CHECK(ferry_bundle_open(argv[1], &bundle) == FERRY_OK);
  check_contract(bundle);
  check_manifest(bundle);
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_OK);
  check_session(session);
  check_run(session);
  check_run_into(session);
  check_batcher(bundle);
  check_verify(bundle);
  check_refusals(bundle, session);
  check_memory(argv[2]);
  check_memory_refusals(argv[2]);
  ferry_bundle_close(bundle);
  check_run(session); /* a session outlives its bundle */
  ferry_session_close(session);
  ferry_session_close(NULL);
  ferry_bundle_close(NULL);
  ferry_outputs_close(NULL);
  check_trust(argv[1], argv[2]);
  printf(failures == 0 ? "C ABI: passed\n" : "C ABI: FAILED\n");
  return failures == 0 ? 0 : 1;
}

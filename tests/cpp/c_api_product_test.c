/* What products use of the C ABI, from C11: streams, shadow runs, spans, times of layers. Opens the bundle in argv[1], with the
 * engine `toy`. */
#include <ferry/ferry.h>
#include <stdio.h>
#include <string.h>

#include "check.h"

static const float values[3] = {1, 5, 3};
static const int64_t shape[2] = {1, 3};
static const ferry_tensor_view x = {"x", FERRY_FLOAT32, 2, shape, values, sizeof values};

struct heard {
  int runs;
  int failures;
  int bundles;
};

static void hear(const ferry_span* span, void* context) {
  struct heard* heard = context;
  CHECK(span->begin <= span->end && span->begin > 0);
  if (strcmp(span->name, "session.run") == 0 && strcmp(span->engine, "toy") == 0) ++heard->runs;
  if (strcmp(span->name, "bundle.open") == 0 && strcmp(span->engine, "") == 0) ++heard->bundles;
  heard->failures += span->failed;
}

static void check_spans(const char* path, const ferry_session* session) {
  struct heard heard = {0, 0, 0};
  ferry_outputs* outputs = NULL;
  ferry_bundle* bundle = NULL;
  CHECK(ferry_set_span_hook(hear, &heard) == FERRY_OK);
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_OK);
  ferry_outputs_close(outputs);
  CHECK(heard.runs == 1 && heard.failures == 0);
  CHECK(ferry_bundle_open(path, &bundle) == FERRY_OK && heard.bundles == 1);
  ferry_bundle_close(bundle);
  CHECK(ferry_session_run(session, &x, 0, &outputs) == FERRY_BAD_INPUT);
  CHECK(heard.runs == 2 && heard.failures == 1);
  CHECK(ferry_set_span_hook(NULL, NULL) == FERRY_OK);
  CHECK(ferry_session_run(session, &x, 1, &outputs) == FERRY_OK);
  ferry_outputs_close(outputs);
  CHECK(heard.runs == 2);
}

static float scaled_of(const ferry_outputs* outputs) {
  const ferry_tensor_view* scaled = ferry_outputs_find(outputs, "scaled");
  return scaled == NULL ? -1 : ((const float*)scaled->data)[1];
}

static void check_stream(const ferry_bundle* bundle, const ferry_session* session) {
  const char* const none[1] = {NULL};
  const char* const input[2] = {"x", "x"};
  const char* const output[2] = {"scaled", "scaled"};
  const char* const label[1] = {"label"};
  ferry_stream* stream = (ferry_stream*)&x;                                               /* must become NULL */
  CHECK(ferry_stream_open(bundle, session, input, output, 1, 1, &stream) == FERRY_USAGE); /* leaves no input */
  CHECK(stream == NULL);
  CHECK(ferry_stream_open(bundle, session, input, label, 1, 1, &stream) == FERRY_USAGE);
  CHECK(ferry_stream_open(bundle, session, none, output, 1, 1, &stream) == FERRY_USAGE);
  CHECK(ferry_stream_open(bundle, session, input, output, 2, 1, &stream) == FERRY_USAGE);
  CHECK(strstr(ferry_last_error(), "twice") != NULL);
  CHECK(ferry_stream_open(bundle, session, input, output, 0, 1, &stream) == FERRY_USAGE);
  CHECK(strstr(ferry_last_error(), "NULL") == NULL);
  CHECK(ferry_stream_open(bundle, session, NULL, NULL, 1, 1, &stream) == FERRY_USAGE);
  CHECK(strstr(ferry_last_error(), "NULL") != NULL);
  CHECK(ferry_stream_open(bundle, session, input, NULL, 0, 1, &stream) == FERRY_USAGE);
  CHECK(strstr(ferry_last_error(), "NULL") != NULL);
  CHECK(ferry_stream_open(bundle, session, NULL, NULL, 0, 1, &stream) == FERRY_USAGE); /* the toy's contract has no pairs */
  CHECK(strstr(ferry_last_error(), "got no state here or in the contract") != NULL);
  CHECK(ferry_stream_open(bundle, NULL, input, output, 1, 1, &stream) == FERRY_USAGE);
  CHECK(ferry_stream_run(NULL, &x, 1, NULL) == FERRY_USAGE && ferry_stream_reset(NULL) == FERRY_USAGE);
  CHECK(ferry_stream_state(NULL, NULL) == FERRY_USAGE);
  ferry_stream_close(NULL);
}

struct judged {
  int passed;
  int told;
};

static void judge(int32_t passed, const char* verdict, void* context) {
  struct judged* judged = context;
  judged->passed += passed;
  ++judged->told;
  CHECK(strstr(verdict, "\"output\":\"scaled\"") != NULL && strstr(verdict, "\"passed\":true") != NULL);
}

static void check_shadow(const ferry_bundle* bundle) {
  struct judged judged = {0, 0};
  ferry_shadow* shadow = (ferry_shadow*)&judged; /* must become NULL */
  ferry_shadow_counts counts = {9, 9, 9, 9};
  ferry_outputs* outputs = NULL;
  CHECK(ferry_shadow_open(bundle, "toy", "cpu", 1, "toy", 0, 8, judge, &judged, &shadow) == FERRY_USAGE);
  CHECK(shadow == NULL);
  CHECK(ferry_shadow_open(bundle, "toy", "cpu", 1, "absent", 2, 8, judge, &judged, &shadow) == FERRY_UNAVAILABLE);
  CHECK(ferry_shadow_open(bundle, "toy", "cpu", 1, NULL, 2, 8, judge, &judged, &shadow) == FERRY_USAGE);
  CHECK(ferry_shadow_open(bundle, "toy", "cpu", 1, "toy", 2, 8, judge, &judged, &shadow) == FERRY_OK);
  for (int i = 0; i < 4; ++i) {
    CHECK(ferry_shadow_run(shadow, &x, 1, &outputs) == FERRY_OK && scaled_of(outputs) == 10.0F);
    ferry_outputs_close(outputs);
  }
  CHECK(ferry_shadow_run(shadow, &x, 0, &outputs) == FERRY_BAD_INPUT && outputs == NULL);
  CHECK(ferry_shadow_count(shadow, &counts) == FERRY_OK && counts.calls == 4 && counts.failed == 0 && counts.skipped == 0);
  ferry_shadow_close(shadow); /* repeats what waits */
  CHECK(judged.told == 2 && judged.passed == 2);
  CHECK(ferry_shadow_run(NULL, &x, 1, &outputs) == FERRY_USAGE && ferry_shadow_count(NULL, &counts) == FERRY_USAGE);
  ferry_shadow_close(NULL);
}

static void check_profile(const ferry_session* session) {
  ferry_text* report = (ferry_text*)&x; /* must become NULL */
  CHECK(ferry_session_profile(session, &x, 1, 5, &report) == FERRY_OK);
  CHECK(strstr(ferry_text_get(report), "{\"engine\":\"toy\",\"calls\":5,\"layers\":[") == ferry_text_get(report));
  CHECK(strstr(ferry_text_get(report), "{\"name\":\"0\",\"kind\":\"scale\",\"nanoseconds\":7.0}") != NULL);
  ferry_text_close(report);
  CHECK(ferry_session_profile(session, &x, 1, 0, &report) == FERRY_USAGE && report == NULL);
  CHECK(strcmp(ferry_last_error(), "calls: got 0, expected 1 to 10000") == 0);
  CHECK(ferry_session_profile(session, &x, 1, -1, &report) == FERRY_USAGE);
  CHECK(ferry_session_profile(session, &x, 0, 5, &report) == FERRY_BAD_INPUT);
  CHECK(ferry_session_profile(NULL, &x, 1, 5, &report) == FERRY_USAGE);
  CHECK(ferry_session_concurrency(session) == 0 && ferry_session_concurrency(NULL) == 0);
}

static void check_options(ferry_bundle* bundle) {
  ferry_session* session = NULL;
  ferry_bundle_set_models(bundle, 0);
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_USAGE && session == NULL);
  CHECK(strstr(ferry_last_error(), "models: got 0, expected 1 to ") == ferry_last_error());
  ferry_bundle_set_models(bundle, 2);
  ferry_bundle_map_files(bundle);
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_OK);
  ferry_session_close(session);
  ferry_bundle_set_models(NULL, 1);
  ferry_bundle_map_files(NULL);
  ferry_bundle_set_memory(NULL, 1);
}

/* The first golden, answered by the session as the golden says. */
static void check_goldens(const ferry_bundle* bundle, const ferry_session* session) {
  ferry_outputs* inputs = NULL;
  ferry_outputs* expected = NULL;
  ferry_outputs* answers = NULL;
  const size_t count = ferry_bundle_golden_count(bundle);
  CHECK(count > 0 && ferry_bundle_golden_name(bundle, 0) != NULL && ferry_bundle_golden_name(bundle, count) == NULL);
  CHECK(ferry_bundle_read_golden(bundle, 0, "inputs", &inputs) == FERRY_OK && ferry_outputs_count(inputs) == 1);
  CHECK(ferry_bundle_read_golden(bundle, 0, "float32", &expected) == FERRY_OK && ferry_outputs_count(expected) == 2);
  CHECK(ferry_session_run(session, ferry_outputs_get(inputs, 0), 1, &answers) == FERRY_OK);
  const ferry_tensor_view* answer = ferry_outputs_find(answers, "scaled");
  const ferry_tensor_view* golden = ferry_outputs_find(expected, "scaled");
  CHECK(answer != NULL && golden != NULL && answer->bytes == golden->bytes && answer->bytes > 0);
  if (answer != NULL && golden != NULL) CHECK(memcmp(answer->data, golden->data, golden->bytes) == 0);
  ferry_outputs_close(inputs);
  ferry_outputs_close(expected);
  ferry_outputs_close(answers);
  CHECK(ferry_bundle_read_golden(bundle, 0, "float16", &inputs) == FERRY_USAGE && inputs == NULL);
  CHECK(strcmp(ferry_last_error(), "part: got 'float16', expected inputs, float32 or float64") == 0);
  CHECK(ferry_bundle_read_golden(bundle, count, "inputs", &inputs) == FERRY_USAGE);
  CHECK(ferry_bundle_read_golden(NULL, 0, "inputs", &inputs) == FERRY_USAGE);
  CHECK(ferry_bundle_golden_count(NULL) == 0 && ferry_bundle_golden_name(NULL, 0) == NULL);
}

static void check_samples(const ferry_bundle* bundle) {
  ferry_samples* samples = (ferry_samples*)&x; /* must become NULL */
  ferry_outputs* inputs = (ferry_outputs*)&x;
  const char* const files[2] = {"nowhere.csv", NULL};
  CHECK(ferry_samples_open(bundle, files, 2, &samples) == FERRY_USAGE && samples == NULL);
  CHECK(ferry_samples_open(NULL, files, 1, &samples) == FERRY_USAGE);
  CHECK(ferry_samples_open(bundle, NULL, 1, &samples) == FERRY_USAGE);
  CHECK(ferry_samples_open(bundle, files, 1, NULL) == FERRY_USAGE);
  CHECK(ferry_samples_read(NULL, 1, &inputs) == FERRY_USAGE && inputs == NULL);
  ferry_samples_close(NULL);
}

static void check_signatures(const ferry_bundle* bundle) {
  ferry_text* report = NULL;
  CHECK(ferry_bundle_signatures(bundle, &report) == FERRY_OK);
  CHECK(strcmp(ferry_text_get(report), "[]\n") == 0);
  ferry_text_close(report);
  CHECK(ferry_bundle_signatures(NULL, &report) == FERRY_USAGE && report == NULL);
}

int main(int argc, char** argv) {
  ferry_bundle* bundle = NULL;
  ferry_session* session = NULL;
  CHECK(argc == 2);
  if (argc != 2) return 1;
  CHECK(ferry_bundle_open(argv[1], &bundle) == FERRY_OK);
  CHECK(ferry_session_open(bundle, "toy", "cpu", 1, &session) == FERRY_OK);
  check_spans(argv[1], session);
  check_stream(bundle, session);
  check_shadow(bundle);
  check_profile(session);
  check_goldens(bundle, session);
  check_signatures(bundle);
  check_samples(bundle);
  check_options(bundle);
  ferry_session_close(session);
  ferry_bundle_close(bundle);
  printf(failures == 0 ? "C ABI for products: passed\n" : "C ABI for products: FAILED\n");
  return failures == 0 ? 0 : 1;
}

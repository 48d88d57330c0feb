/* `misuse CASE BUNDLE ENGINE ABSENT < IMAGE`: see tests/bindings/test_misuse.py. */
#include <ferry/ferry.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

static const int64_t minute_us = 60 * 1000 * 1000;
static const int64_t two_images[3] = {2, 8, 8};
static const unsigned char two_blank[128];

static int is(const char* name, const char* other) { return strcmp(name, other) == 0; }

static void write_all(const ferry_outputs* outputs) {
  for (size_t i = 0; i < ferry_outputs_count(outputs); ++i) {
    const ferry_tensor_view* output = ferry_outputs_get(outputs, i);
    fwrite(output->data, 1, output->bytes, stdout);
  }
}

static int into(const ferry_session* session, const ferry_tensor_view* image, const char* name) {
  alignas(8) unsigned char memory[128] = {0};
  int64_t label[1] = {0};
  const int64_t row[2] = {1, 10};
  const int64_t one[1] = {1};
  const size_t second = is(name, "overlap") ? 36 : is(name, "misaligned") ? 41 : 40;
  ferry_tensor_buffer outputs[3] = {{"logits", FERRY_FLOAT32, 2, row, memory, is(name, "small") ? 36 : 40},
                                    {"probabilities", FERRY_FLOAT32, 2, row, memory + second, 40},
                                    {"label", FERRY_INT64, 1, one, label, sizeof label}};
  const int code = ferry_session_run_into(session, image, 1, outputs, 3);
  for (int i = 0; code == FERRY_OK && i < 3; ++i) fwrite(outputs[i].data, 1, outputs[i].bytes, stdout);
  return code;
}

static int run(const ferry_session* session, const ferry_tensor_view* image) {
  ferry_outputs* outputs = NULL;
  const int code = ferry_session_run(session, image, 1, &outputs);
  write_all(outputs);
  ferry_outputs_close(outputs);
  return code;
}

static int verify(const ferry_bundle* bundle, const char* engine) {
  ferry_text* report = NULL;
  const int code = ferry_verify(bundle, engine, "cpu", 1, 1, &report);
  if (report != NULL) fputs(ferry_text_get(report), stdout);
  ferry_text_close(report);
  return code;
}

/* What is done while the call waits, then its answer. */
static int wait_for(ferry_batcher* batcher, ferry_call* call, const char* name) {
  const ferry_tensor_view pair = {"image", FERRY_UINT8, 3, two_images, two_blank, sizeof two_blank};
  ferry_outputs* outputs = NULL;
  int code = FERRY_OK;
  if (is(name, "full")) code = ferry_batcher_run(batcher, &pair, 1, -1, &outputs);
  if (is(name, "cancelled") || is(name, "twice")) code = ferry_call_cancel(call);
  if (is(name, "twice")) code = ferry_call_cancel(call);
  if (code == FERRY_OK) code = ferry_call_get(call, &outputs);
  write_all(outputs);
  ferry_outputs_close(outputs);
  return code;
}

static int batched(const ferry_bundle* bundle, const char* engine, const ferry_tensor_view* image, const char* name) {
  const int64_t wait_us = is(name, "late") || is(name, "batch") ? 50 * 1000 : minute_us;
  ferry_batcher* batcher = NULL;
  ferry_call* call = NULL;
  int code = ferry_batcher_open(bundle, engine, "cpu", 1, 2, wait_us, 2, is(name, "kept"), &batcher);
  if (code == FERRY_OK && is(name, "closed-batcher")) {
    ferry_batcher_close(batcher);
    batcher = NULL;
  }
  if (code == FERRY_OK) code = ferry_batcher_submit(batcher, image, 1, is(name, "late") ? 1000 : -1, &call);
  if (code == FERRY_OK) code = wait_for(batcher, call, name);
  ferry_call_close(call);
  return code; /* the batcher is not closed, which would run what waits and take the failure's text */
}

static int misuse(const ferry_bundle* bundle, char** words) {
  const char* name = words[1];
  const int64_t shape[3] = {1, 8, 8};
  unsigned char pixels[64] = {0};
  const ferry_tensor_view image = {"image", FERRY_UINT8, 3, shape, pixels, fread(pixels, 1, sizeof pixels, stdin)};
  ferry_session* session = NULL;
  int code = ferry_session_open(bundle, words[3], "cpu", 1, &session);
  if (code != FERRY_OK) return code;
  if (is(name, "into") || is(name, "small") || is(name, "misaligned") || is(name, "overlap"))
    code = into(session, &image, name);
  else if (is(name, "absent"))
    code = verify(bundle, words[4]);
  else if (is(name, "no-bytes")) {
    ferry_bundle* opened = NULL;
    code = ferry_bundle_open_memory(NULL, sizeof(pixels), &opened);
  } else if (is(name, "closed")) {
    ferry_session_close(session);
    session = NULL;
    code = run(session, &image);
  } else
    code = batched(bundle, words[3], &image, name);
  ferry_session_close(session);
  return code;
}

int main(int count, char** words) {
  ferry_bundle* bundle = NULL;
  int code = count == 5 ? ferry_bundle_open(words[2], &bundle) : FERRY_USAGE;
  if (code == FERRY_OK) code = misuse(bundle, words);
  if (code != FERRY_OK) fprintf(stderr, "error: %s\n", ferry_last_error());
  ferry_bundle_close(bundle);
  return code;
}

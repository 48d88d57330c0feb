/* Batchers, and the calls that wait in them. */
#include <stdlib.h>
#include <string.h>

#include "tensors.h"

static void close_batcher(napi_env env, void* box, void* hint) {
  (void)env, (void)hint;
  ferry_batcher_close(*(ferry_batcher**)box);
  free(box);
}

static void close_call(napi_env env, void* box, void* hint) {
  (void)env, (void)hint;
  ferry_call_close(*(ferry_call**)box);
  free(box);
}

/* openBatcher(bundle, engine, device, threads, most, waitUs, queue, keepBits) */
napi_value open_batcher(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  int64_t numbers[3] = {0};
  int32_t threads = 0;
  bool keep_bits = true;
  arguments_of(env, info, arguments);
  char* engine = text_of(env, arguments[1]);
  char* device = text_of(env, arguments[2]);
  napi_get_value_int32(env, arguments[3], &threads);
  for (int i = 0; i < 3; ++i) napi_get_value_int64(env, arguments[4 + i], &numbers[i]);
  napi_get_value_bool(env, arguments[7], &keep_bits);
  ferry_batcher* batcher = NULL;
  const int32_t code = ferry_batcher_open(handle_of(env, arguments[0]), engine, device, threads, (size_t)numbers[0], numbers[1],
                                          (size_t)numbers[2], keep_bits, &batcher);
  free(engine);
  free(device);
  return code == FERRY_OK ? boxed(env, batcher, close_batcher) : throw_last(env);
}

/* closeBatcher(batcher) */
napi_value close_batcher_now(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  void** box = NULL;
  arguments_of(env, info, arguments);
  if (napi_get_value_external(env, arguments[0], (void**)&box) != napi_ok || box == NULL) return NULL;
  ferry_batcher_close(*box);
  *box = NULL;
  return NULL;
}

/* submit(batcher, inputs, limitUs): a call */
napi_value submit(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  int64_t limit = -1;
  lent inputs;
  arguments_of(env, info, arguments);
  const ferry_batcher* batcher = handle_of(env, arguments[0]);
  if (batcher == NULL) return throw_error(env, FERRY_USAGE, "batcher: got one that was closed, expected an open one");
  napi_get_value_int64(env, arguments[2], &limit);
  napi_value call = NULL;
  if (lend(env, arguments[1], "inputs", &inputs)) {
    ferry_call* waiting = NULL;
    const int32_t code = ferry_batcher_submit(batcher, inputs.views, inputs.count, limit, &waiting);
    call = code == FERRY_OK ? boxed(env, waiting, close_call) : throw_last(env);
  }
  give_back(&inputs);
  return call;
}

/* cancel(call) */
napi_value cancel_call(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  return ferry_call_cancel(handle_of(env, arguments[0])) == FERRY_OK ? NULL : throw_last(env);
}

/* A call that a thread of libuv waits for. */
typedef struct waiting {
  napi_async_work work;
  napi_deferred promise;
  napi_ref kept; /* the call's External */
  ferry_call* call;
  ferry_outputs* outputs;
  int32_t code;
  char text[1024];
} waiting;

static void wait_for_it(napi_env env, void* data) {
  (void)env;
  waiting* one = data;
  one->code = ferry_call_get(one->call, &one->outputs);
  if (one->code != FERRY_OK) strncpy(one->text, ferry_last_error(), sizeof one->text - 1);
}

static void settle(napi_env env, napi_status status, void* data) {
  (void)status;
  waiting* one = data;
  if (one->code == FERRY_OK)
    napi_resolve_deferred(env, one->promise, outputs_value(env, one->outputs));
  else
    napi_reject_deferred(env, one->promise, error_value(env, one->code, one->text));
  ferry_outputs_close(one->outputs);
  napi_delete_reference(env, one->kept);
  napi_delete_async_work(env, one->work);
  free(one);
}

/* get(call): a promise of the outputs */
napi_value get_call(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  napi_value promise = NULL;
  arguments_of(env, info, arguments);
  waiting* one = calloc(1, sizeof *one);
  if (one == NULL) return throw_error(env, FERRY_IO, "memory: got none, expected enough for a call");
  one->call = handle_of(env, arguments[0]);
  napi_create_reference(env, arguments[0], 1, &one->kept);
  napi_create_promise(env, &one->promise, &promise);
  napi_create_async_work(env, NULL, text_value(env, "ferry_call_get"), wait_for_it, settle, one, &one->work);
  napi_queue_async_work(env, one->work);
  return promise;
}

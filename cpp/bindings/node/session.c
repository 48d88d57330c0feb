/* Sessions, calls and verifying. */
#include <stdlib.h>

#include "tensors.h"

static void close_session(napi_env env, void* box, void* hint) {
  (void)env, (void)hint;
  ferry_session_close(*(ferry_session**)box);
  free(box);
}

/* openSession(bundle, engine, device, threads) */
napi_value open_session(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  int32_t threads = 0;
  arguments_of(env, info, arguments);
  char* engine = text_of(env, arguments[1]);
  char* device = text_of(env, arguments[2]);
  napi_get_value_int32(env, arguments[3], &threads);
  ferry_session* session = NULL;
  const int32_t code = ferry_session_open(handle_of(env, arguments[0]), engine, device, threads, &session);
  free(engine);
  free(device);
  return code == FERRY_OK ? boxed(env, session, close_session) : throw_last(env);
}

/* describeSession(session) */
napi_value describe_session(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  const ferry_session* session = handle_of(env, arguments[0]);
  napi_value object = NULL;
  napi_create_object(env, &object);
  set_text(env, object, "runtime", ferry_session_runtime(session));
  set_text(env, object, "numerics", ferry_session_numerics(session));
  return object;
}

/* closeSession(session) */
napi_value close_session_now(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  void** box = NULL;
  arguments_of(env, info, arguments);
  if (napi_get_value_external(env, arguments[0], (void**)&box) != napi_ok || box == NULL) return NULL;
  ferry_session_close(*box);
  *box = NULL;
  return NULL;
}

/* The session behind an External; NULL where an exception was thrown. */
static const ferry_session* open_one(napi_env env, napi_value value) {
  const ferry_session* session = handle_of(env, value);
  if (session == NULL) throw_error(env, FERRY_USAGE, "session: got one that was closed, expected an open one");
  return session;
}

/* run(session, [[name, dtype, shape, typedArray], ...]) */
napi_value run(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  napi_value results = NULL;
  lent inputs;
  arguments_of(env, info, arguments);
  const ferry_session* session = open_one(env, arguments[0]);
  if (session == NULL) return NULL;
  if (lend(env, arguments[1], "inputs", &inputs)) {
    ferry_outputs* outputs = NULL;
    if (ferry_session_run(session, inputs.views, inputs.count, &outputs) != FERRY_OK)
      throw_last(env);
    else
      results = outputs_value(env, outputs);
    ferry_outputs_close(outputs);
  }
  give_back(&inputs);
  return results;
}

static void run_lent(napi_env env, const ferry_session* session, const lent* inputs, const lent* outputs) {
  ferry_tensor_buffer buffers[max_tensors];
  for (uint32_t i = 0; i < outputs->count; ++i) { /* typed arrays can be written */
    const ferry_tensor_view* view = &outputs->views[i];
    buffers[i] = (ferry_tensor_buffer){view->name, view->dtype, view->rank, view->shape, (void*)view->data, view->bytes};
  }
  if (ferry_session_run_into(session, inputs->views, inputs->count, buffers, outputs->count) != FERRY_OK) throw_last(env);
}

/* runInto(session, inputs, outputs), each as those of `run` */
napi_value run_into(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  lent inputs;
  lent outputs;
  arguments_of(env, info, arguments);
  const ferry_session* session = open_one(env, arguments[0]);
  if (session == NULL) return NULL;
  if (lend(env, arguments[1], "inputs", &inputs)) {
    if (lend(env, arguments[2], "outputs", &outputs)) run_lent(env, session, &inputs, &outputs);
    give_back(&outputs);
  }
  give_back(&inputs);
  return NULL;
}

/* verify(bundle, engineOrNull, device, threads, calls) */
napi_value verify(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  int32_t threads = 0;
  int32_t calls = 0;
  arguments_of(env, info, arguments);
  char* engine = text_of(env, arguments[1]);
  char* device = text_of(env, arguments[2]);
  napi_get_value_int32(env, arguments[3], &threads);
  napi_get_value_int32(env, arguments[4], &calls);
  ferry_text* report = NULL;
  const int32_t code = ferry_verify(handle_of(env, arguments[0]), engine, device, threads, calls, &report);
  free(engine);
  free(device);
  if (report == NULL) return throw_last(env);
  napi_value object = NULL;
  napi_value passed = NULL;
  napi_create_object(env, &object);
  napi_get_boolean(env, code == FERRY_OK, &passed);
  napi_set_named_property(env, object, "passed", passed);
  set_text(env, object, "json", ferry_text_get(report));
  set_text(env, object, "problem", code == FERRY_OK ? "" : ferry_last_error());
  ferry_text_close(report);
  return object;
}

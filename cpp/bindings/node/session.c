/* Sessions, calls and verifying. */
#include <stdlib.h>
#include <string.h>

#include "values.h"

enum { max_rank = 8, max_inputs = 64 };

/* By ferry_tensor_view.dtype; a bool is a byte. */
static const napi_typedarray_type array_types[] = {napi_uint8_array, napi_uint8_array,    napi_int8_array,    napi_int16_array,
                                                   napi_int32_array, napi_bigint64_array, napi_float32_array, napi_float64_array};

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

/* One input of a call, with what its view points to. */
typedef struct input {
  char* name;
  int64_t shape[max_rank];
} input;

/* Fills a view from [name, dtype, shape, typedArray]; false where an item is no such thing. */
static int read_input(napi_env env, napi_value item, input* kept, ferry_tensor_view* view) {
  napi_value parts[4];
  for (uint32_t i = 0; i < 4; ++i)
    if (napi_get_element(env, item, i, &parts[i]) != napi_ok) return 0;
  uint32_t rank = 0;
  size_t length = 0;
  void* data = NULL;
  kept->name = text_of(env, parts[0]);
  if (kept->name == NULL || napi_get_value_int32(env, parts[1], &view->dtype) != napi_ok) return 0;
  if (napi_get_array_length(env, parts[2], &rank) != napi_ok || rank > max_rank) return 0;
  for (uint32_t d = 0; d < rank; ++d) {
    napi_value dim = NULL;
    if (napi_get_element(env, parts[2], d, &dim) != napi_ok) return 0;
    if (napi_get_value_int64(env, dim, &kept->shape[d]) != napi_ok) return 0;
  }
  napi_typedarray_type type = napi_uint8_array;
  if (napi_get_typedarray_info(env, parts[3], &type, &length, &data, NULL, NULL) != napi_ok) return 0;
  if (ferry_element_size(view->dtype) == 0 || array_types[view->dtype] != type) return 0;
  view->name = kept->name;
  view->rank = (int32_t)rank;
  view->shape = kept->shape;
  view->data = data;
  view->bytes = length * ferry_element_size(view->dtype);
  return 1;
}

static napi_value output_value(napi_env env, const ferry_tensor_view* view) {
  napi_value object = NULL;
  napi_value buffer = NULL;
  napi_value part = NULL;
  napi_value shape = NULL;
  void* data = NULL;
  napi_create_object(env, &object);
  set_text(env, object, "name", view->name);
  napi_create_arraybuffer(env, view->bytes, &data, &buffer);
  if (view->bytes > 0) memcpy(data, view->data, view->bytes);
  napi_create_typedarray(env, array_types[view->dtype], view->bytes / ferry_element_size(view->dtype), buffer, 0, &part);
  napi_set_named_property(env, object, "data", part);
  napi_create_int32(env, view->dtype, &part);
  napi_set_named_property(env, object, "dtype", part);
  napi_create_array(env, &shape);
  for (int32_t d = 0; d < view->rank; ++d) {
    napi_create_int64(env, view->shape[d], &part);
    napi_set_element(env, shape, (uint32_t)d, part);
  }
  napi_set_named_property(env, object, "shape", shape);
  return object;
}

static napi_value run_inputs(napi_env env, const ferry_session* session, napi_value list, uint32_t count) {
  input kept[max_inputs] = {{0}};
  ferry_tensor_view views[max_inputs] = {{0}};
  int whole = 1;
  for (uint32_t i = 0; i < count && whole; ++i) {
    napi_value item = NULL;
    napi_get_element(env, list, i, &item);
    whole = read_input(env, item, &kept[i], &views[i]);
  }
  ferry_outputs* outputs = NULL;
  const int32_t code = whole ? ferry_session_run(session, views, count, &outputs) : FERRY_BAD_INPUT;
  for (uint32_t i = 0; i < count; ++i) free(kept[i].name);
  if (!whole)
    return throw_error(env, FERRY_BAD_INPUT, "inputs: got something else, expected a name, a shape and a typed array each");
  if (code != FERRY_OK) return throw_last(env);
  napi_value results = NULL;
  napi_create_array(env, &results);
  for (uint32_t i = 0; i < ferry_outputs_count(outputs); ++i)
    napi_set_element(env, results, i, output_value(env, ferry_outputs_get(outputs, i)));
  ferry_outputs_close(outputs);
  return results;
}

/* run(session, [[name, dtype, shape, typedArray], ...]) */
napi_value run(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  uint32_t count = 0;
  arguments_of(env, info, arguments);
  const ferry_session* session = handle_of(env, arguments[0]);
  if (session == NULL) return throw_error(env, FERRY_USAGE, "session: got one that was closed, expected an open one");
  if (napi_get_array_length(env, arguments[1], &count) != napi_ok || count > max_inputs)
    return throw_error(env, FERRY_BAD_INPUT, "inputs: got too many, expected at most 64");
  return run_inputs(env, session, arguments[1], count);
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

/* Bundles. */
#include <stdlib.h>

#include "values.h"

static void close_bundle(napi_env env, void* box, void* hint) {
  (void)env, (void)hint;
  ferry_bundle_close(*(ferry_bundle**)box);
  free(box);
}

/* openBundle(path, keysOrNull) */
napi_value open_bundle(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  char* path = text_of(env, arguments[0]);
  char* keys = text_of(env, arguments[1]);
  ferry_bundle* bundle = NULL;
  const int32_t code = keys == NULL ? ferry_bundle_open(path, &bundle) : ferry_bundle_open_trusted(path, keys, &bundle);
  free(path);
  free(keys);
  return code == FERRY_OK ? boxed(env, bundle, close_bundle) : throw_last(env);
}

/* openMemory(bytes) */
napi_value open_memory(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  void* bytes = NULL;
  size_t size = 0;
  napi_get_typedarray_info(env, arguments[0], NULL, &size, &bytes, NULL, NULL);
  ferry_bundle* bundle = NULL;
  if (ferry_bundle_open_memory(bytes == NULL ? "" : bytes, size, &bundle) != FERRY_OK) return throw_last(env);
  return boxed(env, bundle, close_bundle);
}

static napi_value list_of(napi_env env, const ferry_bundle* bundle, const char* (*at)(const ferry_bundle*, size_t)) {
  napi_value list = NULL;
  napi_create_array(env, &list);
  for (uint32_t i = 0; at(bundle, i) != NULL; ++i) napi_set_element(env, list, i, text_value(env, at(bundle, i)));
  return list;
}

static napi_value specs_of(napi_env env, const ferry_bundle* bundle,
                           const ferry_tensor_spec* (*at)(const ferry_bundle*, size_t)) {
  napi_value list = NULL;
  napi_create_array(env, &list);
  const ferry_tensor_spec* spec = NULL;
  for (uint32_t i = 0; (spec = at(bundle, i)) != NULL; ++i) {
    napi_value object = NULL;
    napi_value number = NULL;
    napi_value shape = NULL;
    napi_create_object(env, &object);
    set_text(env, object, "name", spec->name);
    napi_create_int32(env, spec->dtype, &number);
    napi_set_named_property(env, object, "dtype", number);
    napi_create_array(env, &shape);
    for (int32_t d = 0; d < spec->rank; ++d) {
      napi_create_int64(env, spec->shape[d], &number);
      napi_set_element(env, shape, (uint32_t)d, number);
    }
    napi_set_named_property(env, object, "shape", shape);
    napi_set_element(env, list, i, object);
  }
  return list;
}

/* describeBundle(bundle) */
napi_value describe_bundle(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  const ferry_bundle* bundle = handle_of(env, arguments[0]);
  napi_value object = NULL;
  napi_create_object(env, &object);
  set_text(env, object, "name", ferry_bundle_name(bundle));
  set_text(env, object, "digest", ferry_bundle_digest(bundle));
  set_text(env, object, "manifest", ferry_bundle_manifest(bundle));
  napi_set_named_property(env, object, "engines", list_of(env, bundle, ferry_bundle_engine));
  napi_set_named_property(env, object, "classes", list_of(env, bundle, ferry_bundle_class));
  napi_set_named_property(env, object, "inputs", specs_of(env, bundle, ferry_bundle_input));
  napi_set_named_property(env, object, "outputs", specs_of(env, bundle, ferry_bundle_output));
  return object;
}

/* allowNative(bundle), isolate(bundle) */
napi_value allow_native(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  ferry_bundle_allow_native(handle_of(env, arguments[0]));
  return NULL;
}

napi_value isolate(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  ferry_bundle_isolate(handle_of(env, arguments[0]));
  return NULL;
}

/* allowOperator(bundle, name) */
napi_value allow_operator(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  arguments_of(env, info, arguments);
  char* name = text_of(env, arguments[1]);
  const int32_t code = ferry_bundle_allow_operator(handle_of(env, arguments[0]), name);
  free(name);
  return code == FERRY_OK ? NULL : throw_last(env);
}

/* setTimeout(bundle, seconds) */
napi_value set_timeout(napi_env env, napi_callback_info info) {
  napi_value arguments[max_arguments];
  double seconds = 0;
  arguments_of(env, info, arguments);
  napi_get_value_double(env, arguments[1], &seconds);
  ferry_bundle_set_timeout(handle_of(env, arguments[0]), seconds);
  return NULL;
}

#include <stdlib.h>
#include <string.h>

#include "values.h"

napi_value error_value(napi_env env, int32_t code, const char* text) {
  napi_value message = NULL;
  napi_value error = NULL;
  napi_value number = NULL;
  napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &message);
  napi_create_error(env, NULL, message, &error);
  napi_create_int32(env, code, &number);
  napi_set_named_property(env, error, "code", number);
  return error;
}

napi_value throw_error(napi_env env, int32_t code, const char* text) {
  napi_throw(env, error_value(env, code, text));
  return NULL;
}

napi_value throw_last(napi_env env) { return throw_error(env, ferry_last_code(), ferry_last_error()); }

napi_value text_value(napi_env env, const char* text) {
  napi_value value = NULL;
  if (text == NULL)
    napi_get_null(env, &value);
  else
    napi_create_string_utf8(env, text, NAPI_AUTO_LENGTH, &value);
  return value;
}

void set_text(napi_env env, napi_value object, const char* key, const char* text) {
  napi_set_named_property(env, object, key, text_value(env, text));
}

char* text_of(napi_env env, napi_value value) {
  size_t size = 0;
  if (napi_get_value_string_utf8(env, value, NULL, 0, &size) != napi_ok) return NULL;
  char* text = malloc(size + 1);
  if (text == NULL) return NULL;
  napi_get_value_string_utf8(env, value, text, size + 1, &size);
  if (strlen(text) == size) return text;
  free(text);
  return NULL;
}

void* handle_of(napi_env env, napi_value value) {
  void** box = NULL;
  return napi_get_value_external(env, value, (void**)&box) == napi_ok && box != NULL ? *box : NULL;
}

napi_value boxed(napi_env env, void* handle, napi_finalize close) {
  void** box = malloc(sizeof *box);
  napi_value value = NULL;
  if (box == NULL) return throw_error(env, FERRY_IO, "memory: got none, expected enough for a handle");
  *box = handle;
  napi_create_external(env, box, close, NULL, &value);
  return value;
}

size_t arguments_of(napi_env env, napi_callback_info info, napi_value* values) {
  size_t count = max_arguments;
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  return count;
}

#include "tensors.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* By ferry_tensor_view.dtype; a bool is a byte, a number of 16 bits its bits. */
static const napi_typedarray_type array_types[] = {napi_uint8_array,  napi_uint8_array,    napi_int8_array,    napi_int16_array,
                                                   napi_int32_array,  napi_bigint64_array, napi_float32_array, napi_float64_array,
                                                   napi_uint16_array, napi_uint16_array};

/* Fills a view from [name, dtype, shape, typedArray]; false where an item is no such thing. */
static int read_tensor(napi_env env, napi_value item, char** name, int64_t* shape, ferry_tensor_view* view) {
  napi_value parts[4];
  for (uint32_t i = 0; i < 4; ++i)
    if (napi_get_element(env, item, i, &parts[i]) != napi_ok) return 0;
  uint32_t rank = 0;
  size_t length = 0;
  void* data = NULL;
  *name = text_of(env, parts[0]);
  if (*name == NULL || napi_get_value_int32(env, parts[1], &view->dtype) != napi_ok) return 0;
  if (napi_get_array_length(env, parts[2], &rank) != napi_ok || rank > max_rank) return 0;
  for (uint32_t d = 0; d < rank; ++d) {
    napi_value dim = NULL;
    if (napi_get_element(env, parts[2], d, &dim) != napi_ok) return 0;
    if (napi_get_value_int64(env, dim, &shape[d]) != napi_ok) return 0;
  }
  napi_typedarray_type type = napi_uint8_array;
  if (napi_get_typedarray_info(env, parts[3], &type, &length, &data, NULL, NULL) != napi_ok) return 0;
  if (ferry_element_size(view->dtype) == 0 || array_types[view->dtype] != type) return 0;
  view->name = *name;
  view->rank = (int32_t)rank;
  view->shape = shape;
  view->data = data;
  view->bytes = length * ferry_element_size(view->dtype);
  return 1;
}

int lend(napi_env env, napi_value list, const char* what, lent* tensors) {
  char text[128];
  memset(tensors, 0, sizeof *tensors);
  if (napi_get_array_length(env, list, &tensors->count) != napi_ok || tensors->count > max_tensors) {
    tensors->count = 0;
    snprintf(text, sizeof text, "%s: got too many, expected at most %d", what, max_tensors);
    return throw_error(env, FERRY_BAD_INPUT, text), 0;
  }
  for (uint32_t i = 0; i < tensors->count; ++i) {
    napi_value item = NULL;
    napi_get_element(env, list, i, &item);
    if (read_tensor(env, item, &tensors->names[i], tensors->shapes[i], &tensors->views[i])) continue;
    snprintf(text, sizeof text, "%s: got something else, expected a name, a shape and a typed array each", what);
    return throw_error(env, FERRY_BAD_INPUT, text), 0;
  }
  return 1;
}

void give_back(lent* tensors) {
  for (uint32_t i = 0; i < tensors->count; ++i) free(tensors->names[i]);
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

napi_value outputs_value(napi_env env, const ferry_outputs* outputs) {
  napi_value results = NULL;
  napi_create_array(env, &results);
  for (uint32_t i = 0; i < ferry_outputs_count(outputs); ++i)
    napi_set_element(env, results, i, output_value(env, ferry_outputs_get(outputs, i)));
  return results;
}

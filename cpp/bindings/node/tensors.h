/* Between typed arrays and the tensors of the C ABI. */
#ifndef FERRY_NODE_TENSORS_H
#define FERRY_NODE_TENSORS_H

#include "values.h"

enum { max_rank = 8, max_tensors = 64 };

/* Tensors that JavaScript lends to one call. */
typedef struct lent {
  char* names[max_tensors];
  int64_t shapes[max_tensors][max_rank];
  ferry_tensor_view views[max_tensors];
  uint32_t count;
} lent;

/* Reads [[name, dtype, shape, typedArray], ...]; false where an exception was thrown. Give it back in any case. */
int lend(napi_env env, napi_value list, const char* what, lent* tensors);
void give_back(lent* tensors);

/* [{ name, dtype, shape, data }, ...] */
napi_value outputs_value(napi_env env, const ferry_outputs* outputs);

#endif

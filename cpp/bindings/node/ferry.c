/* torchferry for Node: the C ABI as a Node-API module. index.js gives it classes. */
#include "values.h"

static napi_value initialize(napi_env env, napi_value exports) {
  const struct {
    const char* name;
    napi_callback function;
  } functions[] = {
      {"openBundle", open_bundle},
      {"openMemory", open_memory},
      {"describeBundle", describe_bundle},
      {"allowNative", allow_native},
      {"allowOperator", allow_operator},
      {"isolate", isolate},
      {"setTimeout", set_timeout},
      {"openSession", open_session},
      {"describeSession", describe_session},
      {"run", run},
      {"closeSession", close_session_now},
      {"verify", verify},
      {"runInto", run_into},
      {"openBatcher", open_batcher},
      {"closeBatcher", close_batcher_now},
      {"submit", submit},
      {"getCall", get_call},
      {"cancelCall", cancel_call},
  };
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; ++i) {
    napi_value function = NULL;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  return exports;
}

NAPI_MODULE(ferry, initialize)

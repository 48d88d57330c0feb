// An engine that says that its artifacts are machine code. It only tells whether it was asked.
#include <ferry/engine.h>

#include <cstdint>
#include <cstdio>

namespace {

std::int32_t open(const ferry_open_request* /*request*/, ferry_engine_model** /*model*/, ferry_engine_error* error) {
  std::snprintf(error->text, sizeof error->text, "the engine was asked");
  return FERRY_UNAVAILABLE;
}

std::int32_t run(ferry_engine_model* /*model*/, const ferry_tensor_view* /*inputs*/, size_t /*count*/, ferry_output_sink /*sink*/,
                 void* /*context*/, ferry_engine_error* /*error*/) {
  return FERRY_INTERNAL;
}

void close(ferry_engine_model* /*model*/) {}

const char* numerics() { return ""; }

}  // namespace

const ferry_engine* ferry_engine_entry(void) {
  static const ferry_engine engine{FERRY_ENGINE_ABI_VERSION,
                                   FERRY_ENGINE_NATIVE_CODE,
                                   "native",
                                   "Native 1.0",
                                   numerics,
                                   open,
                                   run,
                                   nullptr,
                                   close,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr};
  return &engine;
}

// A plugin whose table has everything but `close`.
#include <ferry/engine.h>

#include <cstdint>

namespace {

std::int32_t open(const ferry_open_request* /*request*/, ferry_engine_model** /*model*/, ferry_engine_error* /*error*/) {
  return FERRY_INTERNAL;
}

std::int32_t run(ferry_engine_model* /*model*/, const ferry_tensor_view* /*inputs*/, size_t /*count*/, ferry_output_sink /*sink*/,
                 void* /*context*/, ferry_engine_error* /*error*/) {
  return FERRY_INTERNAL;
}

const char* numerics() { return ""; }

}  // namespace

const ferry_engine* ferry_engine_entry(void) {
  static const ferry_engine engine{FERRY_ENGINE_ABI_VERSION,
                                   0,
                                   "no_close",
                                   "Toy 1.0",
                                   numerics,
                                   open,
                                   run,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr};
  return &engine;
}

// A plugin that was built against another version of engine.h.
#include <ferry/engine.h>

const ferry_engine* ferry_engine_entry(void) {
  static const ferry_engine engine{FERRY_ENGINE_ABI_VERSION + 1,
                                   0,
                                   "other_abi",
                                   "Toy 1.0",
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr,
                                   nullptr};
  return &engine;
}

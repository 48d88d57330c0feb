// A plugin whose table lacks its functions.
#include <ferry/engine.h>

const ferry_engine* ferry_engine_entry(void) {
  static const ferry_engine engine{FERRY_ENGINE_ABI_VERSION,
                                   0,
                                   "incomplete",
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

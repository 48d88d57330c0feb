// A libferry whose engines are all plugins: the usual one.
#include <ferry/c_model.h>

#include "c_api.hpp"
#include "engine_library.hpp"

namespace ferry {

std::span<const ferry_engine* const> built_in_engines() { return {}; }

}  // namespace ferry

extern "C" int32_t ferry_register_c_model(const ferry_c_model* model) {
  if (model == nullptr) return FERRY_USAGE;
  return ferry::c_api::fail(FERRY_UNAVAILABLE,
                            "ferry_register_c_model: got a libferry whose engine c is a plugin, expected one that has it built "
                            "in; build libferry with -DFERRY_STATIC=ON");
}

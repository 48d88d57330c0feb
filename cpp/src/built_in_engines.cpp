// A libferry that has engines in it (FERRY_STATIC): engines/c_built_in.cpp gives them.
#include <array>

#include "engine_library.hpp"

extern "C" const ferry_engine* ferry_built_in_c();
extern "C" const ferry_engine* ferry_built_in_c_int8();

namespace ferry {

std::span<const ferry_engine* const> built_in_engines() {
  static const std::array<const ferry_engine*, 2> all = {ferry_built_in_c(), ferry_built_in_c_int8()};
  return all;
}

}  // namespace ferry

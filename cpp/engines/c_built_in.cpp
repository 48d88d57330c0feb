// The engines `c` and `c-int8` as parts of a static libferry (FERRY_STATIC).
#include <array>
#include <span>

#include "c_table.hpp"
#include "engine_library.hpp"

namespace ferry {

std::span<const ferry_engine* const> built_in_engines() {
  static const ferry_engine float32 = c::table_of("c");
  static const ferry_engine int8 = c::table_of("c-int8");
  static const std::array<const ferry_engine*, 2> all = {&float32, &int8};
  return all;
}

}  // namespace ferry

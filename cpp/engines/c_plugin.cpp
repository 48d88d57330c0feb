// The engine `c` as a plugin.
#include "c_table.hpp"

extern "C" FERRY_ENGINE_EXPORT const ferry_engine* ferry_engine_entry() {
  static const ferry_engine engine = ferry::c::table_of(FERRY_C_ENGINE);
  return &engine;
}

// The engines `c` and `c-int8` as parts of a static libferry (FERRY_STATIC): src/built_in_engines.cpp asks for them.
#include "c_table.hpp"

extern "C" const ferry_engine* ferry_built_in_c() {
  static const ferry_engine engine = ferry::c::table_of("c");
  return &engine;
}

extern "C" const ferry_engine* ferry_built_in_c_int8() {
  static const ferry_engine engine = ferry::c::table_of("c-int8");
  return &engine;
}

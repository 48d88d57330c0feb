# limits.hpp: the limits that both programs hold, out of python/torchferry/limits.py. ferry_limits is the target that has it.
include_guard(GLOBAL)
set(ferry_limits_source "${PROJECT_SOURCE_DIR}/python/torchferry/limits.py")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${ferry_limits_source}")

file(STRINGS "${ferry_limits_source}" ferry_limit_lines REGEX "^[A-Za-z_]")
set(ferry_limit_constants "")
foreach(line IN LISTS ferry_limit_lines)
  if(NOT line MATCHES "^(MAX_[A-Z_]+) = ([0-9_]+)($|  #)")
    message(FATAL_ERROR "${ferry_limits_source}: got '${line}', expected NAME = NUMBER")
  endif()
  string(TOLOWER "${CMAKE_MATCH_1}" name)
  string(REPLACE "_" "" number "${CMAKE_MATCH_2}")
  string(APPEND ferry_limit_constants "inline constexpr std::int64_t ${name} = ${number};\n")
endforeach()
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/limits.hpp" @ONLY CONTENT
"// The limits that both programs hold, out of python/torchferry/limits.py.
#pragma once

#include <cstdint>

namespace ferry::limits {

@ferry_limit_constants@
}  // namespace ferry::limits
")
add_library(ferry_limits INTERFACE)
target_include_directories(ferry_limits INTERFACE "${PROJECT_BINARY_DIR}/generated")

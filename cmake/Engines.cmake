# engines.hpp: the engines that have no half in C++, out of python/torchferry/formats/registry.py. ferry_limits is the target that has it.
include_guard(GLOBAL)
set(ferry_registry "${PROJECT_SOURCE_DIR}/python/torchferry/formats/registry.py")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${ferry_registry}")

# A row names its engine, and says `in_cpp=False` on a later line where it has no plugin.
file(STRINGS "${ferry_registry}" ferry_registry_lines REGEX "^        (name|engine|in_cpp)=")
set(ferry_python_only "")
set(ferry_engine_count 0)
foreach(line IN LISTS ferry_registry_lines)
  if(line MATCHES "^        name=")
    set(engine "")
  elseif(line MATCHES "^        engine=\"([a-z][a-z0-9_-]*)\",$")
    set(engine "${CMAKE_MATCH_1}")
    math(EXPR ferry_engine_count "${ferry_engine_count} + 1")
  elseif(line STREQUAL "        in_cpp=False," AND engine)
    list(APPEND ferry_python_only "\"${engine}\"")
  else()
    message(FATAL_ERROR "${ferry_registry}: got '${line}', expected engine=\"NAME\", or in_cpp=False, after it")
  endif()
endforeach()
if(ferry_engine_count EQUAL 0 OR NOT ferry_python_only)
  message(FATAL_ERROR "${ferry_registry}: got no row with in_cpp=False, expected that of eager")
endif()
list(LENGTH ferry_python_only ferry_python_only_count)
list(JOIN ferry_python_only ", " ferry_python_only_names)
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/engines.hpp" @ONLY CONTENT
"// The engines that run in Python only, out of python/torchferry/formats/registry.py.
#pragma once

#include <array>
#include <string_view>

namespace ferry {

inline constexpr std::array<std::string_view, @ferry_python_only_count@> python_only_engines{@ferry_python_only_names@};

}  // namespace ferry
")

# How our own targets are compiled, and where their files go.
include_guard(GLOBAL)

if(PROJECT_IS_TOP_LEVEL AND NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Debug, Release, RelWithDebInfo or MinSizeRel" FORCE)
endif()

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_C_STANDARD 11)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

# `lib` on every system: ferry-run finds its plugins in ../lib/ferry, wherever the tree is moved to.
if(NOT DEFINED CMAKE_INSTALL_LIBDIR)
  set(CMAKE_INSTALL_LIBDIR lib CACHE PATH "Library folder of the install tree")
endif()
include(GNUInstallDirs)

# The build tree has the shape of the install tree, so plugins are found in the same way in both.
set(CMAKE_RUNTIME_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_BINDIR}")
set(CMAKE_LIBRARY_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}")
set(CMAKE_ARCHIVE_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}")
set(FERRY_PLUGIN_OUTPUT_DIRECTORY "${PROJECT_BINARY_DIR}/${CMAKE_INSTALL_LIBDIR}/ferry")
set(FERRY_PLUGIN_INSTALL_DIRECTORY "${CMAKE_INSTALL_LIBDIR}/ferry")
# Run paths: relative to the binary itself, or absolute; the build tree has those of the install tree. The run path that CMake gives
# a build tree by default is padded with an empty element, which the loader takes for the current folder: a library that lies there,
# in a bundle for instance, would run.
set(CMAKE_BUILD_WITH_INSTALL_RPATH ON)
set(CMAKE_INSTALL_RPATH "$ORIGIN;$ORIGIN/../${CMAKE_INSTALL_LIBDIR}")

# The folder of cpp/ with what the operating system gives.
set(FERRY_SYSTEM posix)
if(WIN32)
  set(FERRY_SYSTEM windows)
endif()

add_library(ferry_warnings INTERFACE)
if(CMAKE_CXX_COMPILER_ID MATCHES "GNU|Clang")
  target_compile_options(ferry_warnings INTERFACE -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Werror=switch
                                                  $<$<BOOL:${FERRY_WARNINGS_AS_ERRORS}>:-Werror>)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(ferry_warnings INTERFACE -Wno-restrict)  # false alarms in std::string's operator+ (GCC bug 105651)
endif()

if(FERRY_SANITIZE STREQUAL "thread")
  add_compile_options(-fsanitize=thread -fno-omit-frame-pointer)
  add_link_options(-fsanitize=thread)
elseif(FERRY_SANITIZE)
  add_compile_options(-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  add_link_options(-fsanitize=address,undefined)
endif()

if(FERRY_BUILD_FUZZERS)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

# ferry_add_engine(NAME SOURCES... [LIBRARIES...] [RUN_PATH...] [COMPONENT ...]): one engine plugin, libferry_engine_NAME.so, opened on demand.
# RUN_PATH: the folders of its runtime's libraries, where the plugin finds them from an install tree too: absolute, or relative to $ORIGIN.
function(ferry_add_engine name)
  cmake_parse_arguments(PARSE_ARGV 1 engine "" "COMPONENT" "SOURCES;LIBRARIES;RUN_PATH")
  if(NOT engine_COMPONENT)
    set(engine_COMPONENT ferry-engines)
  endif()
  set(target ferry_engine_${name})
  add_library(${target} MODULE ${engine_SOURCES})
  target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/cpp/${FERRY_SYSTEM}")
  target_link_libraries(${target} PRIVATE ferry_headers ferry_warnings ${engine_LIBRARIES})
  set_target_properties(${target} PROPERTIES
    PREFIX lib
    LIBRARY_OUTPUT_DIRECTORY "${FERRY_PLUGIN_OUTPUT_DIRECTORY}"
    INSTALL_RPATH "$ORIGIN;${engine_RUN_PATH}")
  add_dependencies(ferry_engines ${target})
  if(FERRY_INSTALL)
    install(TARGETS ${target} LIBRARY DESTINATION "${FERRY_PLUGIN_INSTALL_DIRECTORY}" COMPONENT ${engine_COMPONENT})
  endif()
endfunction()
add_custom_target(ferry_engines)  # all plugins

# libsodium as the target sodium::sodium: the system's, else its sources at a pinned hash.
#
# It is found by its header and library, without pkg-config, which a minimal system has not.
# The pinned archive has no configure script and no CMake project, so its portable C files are compiled here, without its assembler and SIMD
# variants: SHA-256 has none of them.
include_guard(GLOBAL)
if(NOT FETCHCONTENT_TRY_FIND_PACKAGE_MODE STREQUAL "NEVER")
  find_path(FERRY_SODIUM_INCLUDE_DIR sodium.h)
  find_library(FERRY_SODIUM_LIBRARY sodium)
endif()
set(ferry_sodium_version 0)
if(FERRY_SODIUM_INCLUDE_DIR AND FERRY_SODIUM_LIBRARY)
  file(STRINGS "${FERRY_SODIUM_INCLUDE_DIR}/sodium/version.h" line REGEX "#define SODIUM_VERSION_STRING")
  if(line MATCHES "\"([0-9.]+)\"")
    set(ferry_sodium_version "${CMAKE_MATCH_1}")
  endif()
endif()

set(FERRY_SODIUM_IS_OURS OFF)
if(ferry_sodium_version VERSION_GREATER_EQUAL 1.0.14)
  add_library(sodium::sodium UNKNOWN IMPORTED GLOBAL)
  set_target_properties(sodium::sodium PROPERTIES
    IMPORTED_LOCATION "${FERRY_SODIUM_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${FERRY_SODIUM_INCLUDE_DIR}")
else()
  set(FERRY_SODIUM_IS_OURS ON)
  FetchContent_Declare(sodium
    URL https://github.com/jedisct1/libsodium/archive/refs/tags/1.0.18.tar.gz
    URL_HASH SHA256=d59323c6b712a1519a5daf710b68f5e7fde57040845ffec53850911f10a5d4f4
    SOURCE_SUBDIR no-cmake-project)
  FetchContent_MakeAvailable(sodium)
  file(GLOB_RECURSE sodium_files "${sodium_SOURCE_DIR}/src/libsodium/*.c")
  # Its headers with the version.h that its configure script would make.
  set(sodium_headers "${PROJECT_BINARY_DIR}/sodium/include")
  file(COPY "${sodium_SOURCE_DIR}/src/libsodium/include" DESTINATION "${PROJECT_BINARY_DIR}/sodium")
  file(COPY "${sodium_SOURCE_DIR}/builds/msvc/version.h" DESTINATION "${sodium_headers}/sodium")
  add_library(ferry_sodium STATIC ${sodium_files})
  set_target_properties(ferry_sodium PROPERTIES POSITION_INDEPENDENT_CODE ON C_EXTENSIONS ON)
  target_compile_definitions(ferry_sodium PUBLIC SODIUM_STATIC=1 PRIVATE CONFIGURED=1 NATIVE_LITTLE_ENDIAN=1 _GNU_SOURCE)
  target_compile_options(ferry_sodium PRIVATE -w)
  target_include_directories(ferry_sodium SYSTEM PUBLIC $<BUILD_INTERFACE:${sodium_headers}> PRIVATE "${sodium_headers}/sodium")
  add_library(sodium::sodium ALIAS ferry_sodium)
endif()

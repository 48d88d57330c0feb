# Another system's programs by zig, which brings compiler, C library and C++ library (pip install ziglang):
#
#   cmake --preset musl        one static program for any Linux, FERRY_ZIG_TARGET=x86_64-linux-musl
#   cmake --preset windows     FERRY_ZIG_TARGET=x86_64-windows-gnu
#   cmake --preset macos       FERRY_ZIG_TARGET=aarch64-macos
#
# FERRY_ZIG: the program, where it is not `zig` in PATH. Nothing of this machine's libraries is used: what does not lie below
# CMAKE_FIND_ROOT_PATH is downloaded, or left out with a line that says so.
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES FERRY_ZIG_TARGET FERRY_ZIG)
if(NOT FERRY_ZIG)
  find_program(FERRY_ZIG zig REQUIRED NO_CMAKE_FIND_ROOT_PATH)
endif()
if(NOT FERRY_ZIG_TARGET MATCHES "^([a-z0-9_]+)-(linux|windows|macos)")
  message(FATAL_ERROR "FERRY_ZIG_TARGET: got '${FERRY_ZIG_TARGET}', expected one like x86_64-linux-musl, x86_64-windows-gnu or aarch64-macos")
endif()
set(CMAKE_SYSTEM_PROCESSOR "${CMAKE_MATCH_1}")
set(names linux Linux windows Windows macos Darwin)
list(FIND names "${CMAKE_MATCH_2}" index)
math(EXPR index "${index} + 1")
list(GET names ${index} CMAKE_SYSTEM_NAME)

# CMake wants one program for each tool. zig's `-target` goes first; its other defaults (sanitisers in debug builds) are switched off.
set(tools "${CMAKE_BINARY_DIR}/zig")
foreach(tool cc c++ ar ranlib rc)
  set(words "${tool}")
  if(tool STREQUAL "cc" OR tool STREQUAL "c++")
    string(APPEND words " -target ${FERRY_ZIG_TARGET} -fno-sanitize=undefined")
  endif()
  file(CONFIGURE OUTPUT "${tools}/${tool}" @ONLY CONTENT "#!/bin/sh\nexec '@FERRY_ZIG@' @words@ \"$@\"\n")
  file(CHMOD "${tools}/${tool}" PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE)
endforeach()
set(CMAKE_C_COMPILER "${tools}/cc")
set(CMAKE_CXX_COMPILER "${tools}/c++")
set(CMAKE_AR "${tools}/ar" CACHE FILEPATH "")
set(CMAKE_RANLIB "${tools}/ranlib" CACHE FILEPATH "")
set(CMAKE_RC_COMPILER "${tools}/rc" CACHE FILEPATH "")

include("${CMAKE_CURRENT_LIST_DIR}/../CrossSearch.cmake")

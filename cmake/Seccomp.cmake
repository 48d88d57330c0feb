# libseccomp as the target seccomp::seccomp where it and Linux are here: without it no model is isolated, and ferry-run says so.
#
# It is found by its header and library, without pkg-config, which a minimal system has not.
include_guard(GLOBAL)
set(FERRY_HAS_ISOLATION OFF)
if(CMAKE_SYSTEM_NAME STREQUAL "Linux" AND NOT FERRY_SANITIZE AND NOT FERRY_STATIC)  # a sanitiser's process cannot
  # give up what it needs, and a static program starts no cell, which loads plugins
  find_path(FERRY_SECCOMP_INCLUDE_DIR seccomp.h)
  find_library(FERRY_SECCOMP_LIBRARY seccomp)
  find_path(FERRY_LANDLOCK_INCLUDE_DIR linux/landlock.h)
  if(FERRY_SECCOMP_INCLUDE_DIR AND FERRY_SECCOMP_LIBRARY AND FERRY_LANDLOCK_INCLUDE_DIR)
    set(FERRY_HAS_ISOLATION ON)
    add_library(seccomp::seccomp UNKNOWN IMPORTED GLOBAL)
    set_target_properties(seccomp::seccomp PROPERTIES
      IMPORTED_LOCATION "${FERRY_SECCOMP_LIBRARY}" INTERFACE_INCLUDE_DIRECTORIES "${FERRY_SECCOMP_INCLUDE_DIR}")
  endif()
endif()
if(NOT FERRY_HAS_ISOLATION)
  message(STATUS "isolation: left out: no libseccomp (libseccomp-dev), or not Linux, or a build with sanitisers")
endif()

# Third-party libraries: the system's where it has them, else downloaded at a pinned version and hash (the versions are Debian 12's).
# FETCHCONTENT_TRY_FIND_PACKAGE_MODE=NEVER always downloads, FETCHCONTENT_FULLY_DISCONNECTED=ON never does.
include_guard(GLOBAL)
include(FetchContent)
set(FETCHCONTENT_UPDATES_DISCONNECTED ON)
set(CMAKE_POLICY_DEFAULT_CMP0077 NEW)  # option() of a downloaded project keeps what is set here
if(POLICY CMP0135)
  cmake_policy(SET CMP0135 NEW)  # extracted files get the time of extraction
endif()

# ferry_use_headers(TARGET DIRECTORY): an interface target for downloaded headers, whose warnings are not ours.
function(ferry_use_headers target directory)
  if(NOT TARGET ${target})
    string(REPLACE "::" "_" name ${target})
    add_library(${name}_headers INTERFACE)
    target_include_directories(${name}_headers SYSTEM INTERFACE "${directory}")
    add_library(${target} ALIAS ${name}_headers)
  endif()
endfunction()

# ferry_borrow_headers(NAME HEADER FOLDER): header-only libraries are the same on every system, so a build for another one takes those
# of this machine. By a link to FOLDER/HEADER: what else lies beside them, in /usr/include, is this machine's alone.
function(ferry_borrow_headers name header folder)
  string(TOUPPER "FETCHCONTENT_SOURCE_DIR_${name}" variable)
  if(NOT CMAKE_CROSSCOMPILING OR ${variable} OR FETCHCONTENT_TRY_FIND_PACKAGE_MODE STREQUAL "NEVER")
    return()
  endif()
  find_path(found "${header}" PATHS /usr/local/include /usr/include /opt/homebrew/include PATH_SUFFIXES "${name}"
            NO_CMAKE_FIND_ROOT_PATH NO_CACHE)
  if(found)
    set(borrowed "${PROJECT_BINARY_DIR}/headers/${name}")
    file(MAKE_DIRECTORY "${borrowed}/${folder}")
    file(CREATE_LINK "${found}/${header}" "${borrowed}/${folder}/${header}" SYMBOLIC)
    set(${variable} "${borrowed}" CACHE PATH "Folder with the headers of ${name}")
  endif()
endfunction()

# nlohmann_json: reads manifest.json
ferry_borrow_headers(nlohmann_json nlohmann single_include)
FetchContent_Declare(nlohmann_json
  URL https://github.com/nlohmann/json/archive/refs/tags/v3.11.2.tar.gz
  URL_HASH SHA256=d69f9deb6a75e2580465c6c4c5111b89c4dc2fa94e3a85fcd2ffcd9a143d9273
  SOURCE_SUBDIR headers-only
  FIND_PACKAGE_ARGS 3.11)
FetchContent_MakeAvailable(nlohmann_json)
ferry_use_headers(nlohmann_json::nlohmann_json "${nlohmann_json_SOURCE_DIR}/single_include")

# libsodium: SHA-256
include(cmake/Sodium.cmake)

# libseccomp: isolation
include(cmake/Seccomp.cmake)

if(FERRY_BUILD_CLI)
  # CLI11: the command line of ferry-run
  ferry_borrow_headers(cli11 CLI include)
  FetchContent_Declare(CLI11
    URL https://github.com/CLIUtils/CLI11/archive/refs/tags/v2.1.2.tar.gz
    URL_HASH SHA256=26291377e892ba0e5b4972cdfd4a2ab3bf53af8dac1f4ea8fe0d1376b625c8cb
    SOURCE_SUBDIR headers-only
    FIND_PACKAGE_ARGS 2.1)
  FetchContent_MakeAvailable(CLI11)
  ferry_use_headers(CLI11::CLI11 "${cli11_SOURCE_DIR}/include")

  # libjpeg-turbo: JPEG files as inputs
  include(cmake/Jpeg.cmake)

  # stb_image: PNG files as inputs
  ferry_borrow_headers(stb stb_image.h .)
  find_path(FERRY_STB_INCLUDE_DIR stb_image.h PATH_SUFFIXES stb)
  if(NOT FERRY_STB_INCLUDE_DIR OR FETCHCONTENT_TRY_FIND_PACKAGE_MODE STREQUAL "NEVER")
    FetchContent_Declare(stb
      URL https://raw.githubusercontent.com/nothings/stb/8b5f1f37b5b75829fc72d38e7b5d4bcbf8a26d55/stb_image.h
      URL_HASH SHA256=91f435e0fc6a620018b878b9859c74dff60d28046f87e649191ad6f35a98c722
      DOWNLOAD_NO_EXTRACT ON)
    FetchContent_MakeAvailable(stb)
    set(FERRY_STB_INCLUDE_DIR "${stb_SOURCE_DIR}" CACHE PATH "Folder of stb_image.h" FORCE)
  endif()
  add_library(ferry_stb INTERFACE)
  target_include_directories(ferry_stb SYSTEM INTERFACE "${FERRY_STB_INCLUDE_DIR}")
endif()

# Downloaded test libraries are static and are not installed with ferry.
function(ferry_make_available name)
  set(BUILD_SHARED_LIBS OFF)
  set(INSTALL_GTEST OFF)
  set(BENCHMARK_ENABLE_INSTALL OFF)
  set(BENCHMARK_ENABLE_TESTING OFF)
  set(BENCHMARK_ENABLE_GTEST_TESTS OFF)
  FetchContent_MakeAvailable(${name})
endfunction()

if(FERRY_BUILD_TESTS)
  FetchContent_Declare(googletest
    URL https://github.com/google/googletest/archive/refs/tags/release-1.12.1.tar.gz
    URL_HASH SHA256=81964fe578e9bd7c94dfdb09c8e4d6e6759e19967e397dbea48d1c10e45d0df2
    FIND_PACKAGE_ARGS 1.12 NAMES GTest)
  ferry_make_available(googletest)
endif()
if(FERRY_BUILD_BENCH)
  FetchContent_Declare(benchmark
    URL https://github.com/google/benchmark/archive/refs/tags/v1.7.1.tar.gz
    URL_HASH SHA256=6430e4092653380d9dc4ccb45a1e2dc9259d581f4866dc0759713126056bc1d7
    FIND_PACKAGE_ARGS 1.7)
  ferry_make_available(benchmark)
endif()

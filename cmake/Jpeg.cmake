# libjpeg-turbo as the target ferry_jpeg: the system's. Without its headers ferry-run refuses JPEG by name.
#
# The static library is preferred: a wheel's ferry-run then needs no libjpeg where it is installed. It is not position-independent
# everywhere, so that libferry_samples takes the shared one. Other libjpegs give other bits and are not taken.
include_guard(GLOBAL)
add_library(ferry_jpeg INTERFACE)
find_path(FERRY_JPEG_INCLUDE_DIR jpeglib.h)
find_library(FERRY_JPEG_LIBRARY NAMES libjpeg.a jpeg)
find_library(FERRY_JPEG_SHARED_LIBRARY NAMES libjpeg.so)
if(FERRY_JPEG_INCLUDE_DIR AND FERRY_JPEG_LIBRARY)
  include(CheckCXXSourceCompiles)
  set(CMAKE_REQUIRED_INCLUDES "${FERRY_JPEG_INCLUDE_DIR}")
  set(CMAKE_REQUIRED_LIBRARIES "${FERRY_JPEG_LIBRARY}")
  check_cxx_source_compiles("
    #include <cstdio>
    #include <jpeglib.h>
    #if !defined(LIBJPEG_TURBO_VERSION_NUMBER) || LIBJPEG_TURBO_VERSION_NUMBER < 2000000
    #error another libjpeg
    #endif
    int main() { jpeg_error_mgr errors; return jpeg_std_error(&errors) == nullptr; }" FERRY_JPEG_IS_TURBO)
  unset(CMAKE_REQUIRED_INCLUDES)
  unset(CMAKE_REQUIRED_LIBRARIES)
endif()
if(FERRY_JPEG_IS_TURBO)
  target_include_directories(ferry_jpeg SYSTEM INTERFACE "${FERRY_JPEG_INCLUDE_DIR}")
  target_link_libraries(ferry_jpeg INTERFACE "${FERRY_JPEG_LIBRARY}")
  target_compile_definitions(ferry_jpeg INTERFACE FERRY_WITH_JPEG)
else()
  message(STATUS "libjpeg-turbo is not here: ferry-run refuses JPEG (sudo apt-get install libjpeg-dev)")
endif()

# FERRY_STATIC: libferry is a static library with the engines `c` and `c-int8` in it, and programs load no code while they run. Models
# are linked in (ferry_link_bundle). For static musl, iOS and WebAssembly.
include_guard(GLOBAL)
if(NOT FERRY_STATIC)
  return()
endif()
set(BUILD_SHARED_LIBS OFF)
foreach(engine TORCHSCRIPT AOTI EXECUTORCH ONNXRUNTIME)  # their runtimes are shared libraries
  set(FERRY_ENGINE_${engine} OFF)
endforeach()
if(CMAKE_SYSTEM_NAME STREQUAL "Linux")
  add_link_options(-static)
endif()

# FERRY_PACKAGES: the folders in which the wheels of torch, executorch and onnxruntime may lie.
#
# Those of .venv; where ferry itself becomes a wheel (FERRY_WHEEL), those of the Python that builds it. In pip's isolated build that Python
# has none of the three, so that only the plugins which need no other package are built: see `make wheel`.
# FERRY_SITE: where they lie as seen from an installed plugin, which is torchferry/lib/ferry/*.so in the same folder.
include_guard(GLOBAL)
if(NOT FERRY_WHEEL)
  file(GLOB FERRY_PACKAGES "${PROJECT_SOURCE_DIR}/.venv/lib/python3*/site-packages")
  return()
endif()
find_package(Python REQUIRED COMPONENTS Interpreter)
execute_process(
  COMMAND "${Python_EXECUTABLE}" -c "import sys; print(';'.join(p for p in sys.path if p.endswith('-packages')))"
  OUTPUT_VARIABLE FERRY_PACKAGES OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
set(FERRY_SITE "$ORIGIN/../../..")
# No path of this machine in a file that others install.
foreach(folder IN LISTS FERRY_PACKAGES ITEMS "${PROJECT_SOURCE_DIR}")
  add_compile_options("-ffile-prefix-map=${folder}=.")
endforeach()
message(STATUS "packages: looked for in ${FERRY_PACKAGES}")

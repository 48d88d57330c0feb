# WebAssembly by Emscripten: that of Debian (apt-get install emscripten), or a newer one whose em-config is in PATH.
find_program(FERRY_EM_CONFIG em-config REQUIRED NO_CMAKE_FIND_ROOT_PATH)
execute_process(COMMAND "${FERRY_EM_CONFIG}" EMSCRIPTEN_ROOT OUTPUT_VARIABLE emscripten OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
include("${emscripten}/cmake/Modules/Platform/Emscripten.cmake")
set(CMAKE_CXX_FLAGS_INIT "-fexceptions")
include("${CMAKE_CURRENT_LIST_DIR}/../CrossSearch.cmake")

# cmake -DREADELF=... -DFILE=... -P links_no_runtime.cmake: fails where FILE needs a library of an inference runtime.
execute_process(COMMAND "${READELF}" --dynamic --wide "${FILE}" OUTPUT_VARIABLE dynamic COMMAND_ERROR_IS_FATAL ANY)
string(REGEX MATCHALL "Shared library: \\[[^]]*\\]" needed "${dynamic}")
if(NOT needed MATCHES "libc\\.so")
  message(FATAL_ERROR "${FILE}: got no libc among ${needed}, expected a dynamic file")
endif()
if(needed MATCHES "torch|c10|onnx|executorch")
  message(FATAL_ERROR "${FILE}: got ${needed}, expected no inference runtime")
endif()

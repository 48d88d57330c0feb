# The steps of the test package.consumer; each must succeed.
set(prefix "${WORK}/prefix")
file(REMOVE_RECURSE "${WORK}")

function(step)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE code)
  if(NOT code EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nexit code ${code}\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

step("${CMAKE_COMMAND}" --install "${BUILD}" --prefix "${WORK}/first")
# An install tree may be moved: nothing in it may point to where it was made.
file(RENAME "${WORK}/first" "${prefix}")
# A plugin of another build is found beside libferry.
file(COPY "${PLUGIN}" DESTINATION "${prefix}/lib/ferry")

set(flags "")
if(SANITIZE STREQUAL "thread")
  set(flags "-fsanitize=thread")
elseif(SANITIZE)
  set(flags "-fsanitize=address,undefined")
endif()
step("${CMAKE_COMMAND}" -S "${CONSUMER}" -B "${WORK}/build" -G "${GENERATOR}" "-DCMAKE_MAKE_PROGRAM=${MAKE}" "-DCMAKE_C_COMPILER=${C}"
     "-DCMAKE_CXX_COMPILER=${CXX}" "-DCMAKE_CXX_FLAGS=${flags}" "-DCMAKE_PREFIX_PATH=${prefix}" "-DWANTED_VERSION=${VERSION}")
step("${CMAKE_COMMAND}" --build "${WORK}/build")
step("${CMAKE_COMMAND}" -E env --unset=FERRY_ENGINE_DIR "${WORK}/build/consumer" "${BUNDLE}")
if(NOT output MATCHES "^${VERSION}: scaled label\n$")
  message(FATAL_ERROR "consumer: got '${output}', expected '${VERSION}: scaled label'")
endif()

if(EXISTS "${prefix}/bin/ferry-run")
  step("${CMAKE_COMMAND}" -E env --unset=FERRY_ENGINE_DIR "${prefix}/bin/ferry-run" verify "${BUNDLE}" --engine toy)
endif()

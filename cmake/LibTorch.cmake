# ferry::libtorch: headers, libraries, ABI and run path of LibTorch 2.11 or newer, from a torch wheel or an unpacked LibTorch of any build.
#
# LibTorch's own CMake package is not used: that of a CUDA build stops where no CUDA toolkit is, which only those need who compile CUDA
# code. Our plugins include no CUDA header; linked with torch_cuda they use a GPU where driver and device are there.
# It is looked for in CMAKE_PREFIX_PATH (the folder itself, or what torch.utils.cmake_prefix_path names), then among FERRY_PACKAGES.
# Sets FERRY_LIBTORCH_FOUND, and FERRY_LIBTORCH_RUN_PATH to the folder of its libraries, where a plugin looks for them.
include_guard(GLOBAL)
set(FERRY_LIBTORCH_FOUND OFF)

include(${PROJECT_SOURCE_DIR}/cmake/Wheels.cmake)
list(TRANSFORM FERRY_PACKAGES APPEND "/torch" OUTPUT_VARIABLE ferry_torch_wheels)
find_path(FERRY_LIBTORCH_INCLUDE_DIR torch/script.h HINTS ${ferry_torch_wheels} PATH_SUFFIXES include ../../include)
if(NOT FERRY_LIBTORCH_INCLUDE_DIR)
  return()
endif()
get_filename_component(ferry_libtorch_root "${FERRY_LIBTORCH_INCLUDE_DIR}/.." REALPATH)

# The version: in torch/headeronly since 2.9, before in the header of the C++ API.
set(ferry_libtorch_version "")
foreach(part MAJOR MINOR PATCH)
  foreach(header torch/headeronly/version.h torch/csrc/api/include/torch/version.h)
    if(EXISTS "${FERRY_LIBTORCH_INCLUDE_DIR}/${header}")
      file(STRINGS "${FERRY_LIBTORCH_INCLUDE_DIR}/${header}" line REGEX "#define TORCH_VERSION_${part} +[0-9]+")
      if(line MATCHES "${part} +([0-9]+)")
        list(APPEND ferry_libtorch_version "${CMAKE_MATCH_1}")
        break()
      endif()
    endif()
  endforeach()
endforeach()
list(JOIN ferry_libtorch_version "." ferry_libtorch_version)
if(ferry_libtorch_version VERSION_LESS 2.11)
  message(STATUS "LibTorch: got ${ferry_libtorch_version} in ${ferry_libtorch_root}, expected 2.11 or newer")
  return()
endif()

set(ferry_libtorch_libraries "")
foreach(name torch torch_cpu c10 torch_cuda c10_cuda torch_hip c10_hip)
  find_library(FERRY_LIBTORCH_${name} ${name} PATHS "${ferry_libtorch_root}/lib" NO_DEFAULT_PATH NO_CACHE)
  if(FERRY_LIBTORCH_${name})
    list(APPEND ferry_libtorch_libraries "${FERRY_LIBTORCH_${name}}")
  elseif(name MATCHES "^(torch|torch_cpu|c10)$")
    message(STATUS "LibTorch: no lib${name} in ${ferry_libtorch_root}/lib")
    return()
  endif()
endforeach()

add_library(ferry_libtorch INTERFACE)
add_library(ferry::libtorch ALIAS ferry_libtorch)
target_include_directories(ferry_libtorch SYSTEM INTERFACE
  "${FERRY_LIBTORCH_INCLUDE_DIR}" "${FERRY_LIBTORCH_INCLUDE_DIR}/torch/csrc/api/include")
# Operators and devices register themselves while a library loads: those that nothing names are kept too.
target_link_options(ferry_libtorch INTERFACE "LINKER:--no-as-needed")
target_link_libraries(ferry_libtorch INTERFACE ${ferry_libtorch_libraries})
# Which std::string it was compiled for; a build that does not say so takes the compiler's own.
set(ferry_libtorch_config "${ferry_libtorch_root}/share/cmake/Torch/TorchConfig.cmake")
if(EXISTS "${ferry_libtorch_config}")
  file(STRINGS "${ferry_libtorch_config}" line REGEX "_GLIBCXX_USE_CXX11_ABI=[01]")
  if(line MATCHES "_GLIBCXX_USE_CXX11_ABI=([01])")
    target_compile_definitions(ferry_libtorch INTERFACE "_GLIBCXX_USE_CXX11_ABI=${CMAKE_MATCH_1}")
  endif()
endif()
if(FERRY_WHEEL)
  set(FERRY_LIBTORCH_RUN_PATH "${FERRY_SITE}/torch/lib")
else()
  set(FERRY_LIBTORCH_RUN_PATH "${ferry_libtorch_root}/lib")
endif()
set(FERRY_LIBTORCH_FOUND ON)
message(STATUS "LibTorch: ${ferry_libtorch_version} in ${ferry_libtorch_root}")

# The install tree: bin/ferry-run, lib/libferry.so, lib/ferry/*.so, include/ferry, lib/cmake/ferry (find_package(ferry) gives ferry::ferry).
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)
set(ferry_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ferry")

install(TARGETS ferry EXPORT ferry_targets COMPONENT ferry)
if(FERRY_SODIUM_IS_OURS AND NOT BUILD_SHARED_LIBS)
  install(TARGETS ferry_sodium EXPORT ferry_targets COMPONENT ferry)
endif()
install(DIRECTORY cpp/include/ferry DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT ferry)
install(EXPORT ferry_targets NAMESPACE ferry:: FILE ferryTargets.cmake DESTINATION "${ferry_cmake_dir}" COMPONENT ferry)

configure_package_config_file(cmake/ferryConfig.cmake.in "${PROJECT_BINARY_DIR}/ferryConfig.cmake" INSTALL_DESTINATION "${ferry_cmake_dir}")
# Before 1.0 a minor version may break callers.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ferryConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ferryConfig.cmake" "${PROJECT_BINARY_DIR}/ferryConfigVersion.cmake"
        DESTINATION "${ferry_cmake_dir}" COMPONENT ferry)

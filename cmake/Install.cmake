# The install tree: bin/ferry-run, lib/libferry.so, lib/ferry/*.so, include/ferry, lib/cmake/ferry (find_package(ferry) gives ferry::ferry),
# lib/pkgconfig/ferry.pc and share/ferry/bindings. Its components: ferry-runtime (libferry, the engine `c`), ferry-dev, ferry-tools (ferry-run)
# and ferry-engines, the plugins whose runtimes are somewhere else. With FERRY_STATIC the CMake package has ferry_link_bundle, which a libferry
# with plugins refuses.
include_guard(GLOBAL)
include(CMakePackageConfigHelpers)
set(ferry_cmake_dir "${CMAKE_INSTALL_LIBDIR}/cmake/ferry")

install(TARGETS ferry EXPORT ferry_targets
  RUNTIME COMPONENT ferry-runtime
  LIBRARY COMPONENT ferry-runtime NAMELINK_COMPONENT ferry-dev
  ARCHIVE COMPONENT ferry-dev)
if(FERRY_SODIUM_IS_OURS AND NOT BUILD_SHARED_LIBS)
  install(TARGETS ferry_sodium EXPORT ferry_targets COMPONENT ferry-dev)
endif()
install(DIRECTORY cpp/include/ferry DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT ferry-dev)
# The bindings of other languages, as sources: their compilers take them from here.
install(DIRECTORY cpp/bindings DESTINATION share/ferry COMPONENT ferry-dev
        PATTERN build EXCLUDE PATTERN target EXCLUDE PATTERN Cargo.lock EXCLUDE)
install(EXPORT ferry_targets NAMESPACE ferry:: FILE ferryTargets.cmake DESTINATION "${ferry_cmake_dir}" COMPONENT ferry-dev)

configure_package_config_file(cmake/ferryConfig.cmake.in "${PROJECT_BINARY_DIR}/ferryConfig.cmake" INSTALL_DESTINATION "${ferry_cmake_dir}")
# Before 1.0 a minor version may break callers.
write_basic_package_version_file("${PROJECT_BINARY_DIR}/ferryConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/ferryConfig.cmake" "${PROJECT_BINARY_DIR}/ferryConfigVersion.cmake" cmake/LinkBundle.cmake
        DESTINATION "${ferry_cmake_dir}" COMPONENT ferry-dev)

# For those who build without CMake. What a static libferry needs is private: `pkg-config --static`.
configure_file(cmake/ferry.pc.in "${PROJECT_BINARY_DIR}/ferry.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/ferry.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT ferry-dev)

# Debian packages of what needs no other runtime, by `cpack -G DEB` in the build folder: libferry0.1, libferry-dev and ferry-run.
#
# Plugins for LibTorch, ONNX Runtime and ExecuTorch are in none: Debian has not those libraries, and the wheel brings them.
include_guard(GLOBAL)
set(ferry_series "${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME ferry)
set(CPACK_PACKAGE_CONTACT "the torchferry contributors <torchferry@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL ferry-runtime ferry-dev ferry-tools)
set(CPACK_COMPONENTS_GROUPING IGNORE)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_GENERATE_SHLIBS ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
find_program(FERRY_DPKG_SHLIBDEPS dpkg-shlibdeps)  # who lacks it makes packages that name no system library
if(FERRY_DPKG_SHLIBDEPS)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
endif()

set(ferry_same_version "libferry${ferry_series} (= ${PROJECT_VERSION})")
set(CPACK_DEBIAN_FERRY-RUNTIME_PACKAGE_NAME "libferry${ferry_series}")
set(CPACK_DEBIAN_FERRY-RUNTIME_PACKAGE_SECTION libs)
set(CPACK_DEBIAN_FERRY-RUNTIME_PACKAGE_SUGGESTS "gcc | c-compiler")  # where a bundle of the engine `c` has no object for this machine
set(CPACK_COMPONENT_FERRY-RUNTIME_DESCRIPTION "Library that opens and runs torchferry bundles, with the engine for generated C.")
set(CPACK_DEBIAN_FERRY-DEV_PACKAGE_NAME libferry-dev)
set(CPACK_DEBIAN_FERRY-DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_FERRY-DEV_PACKAGE_DEPENDS "${ferry_same_version}")
set(CPACK_COMPONENT_FERRY-DEV_DESCRIPTION "Headers of libferry, its CMake package and its pkg-config file.")
set(CPACK_DEBIAN_FERRY-TOOLS_PACKAGE_NAME ferry-run)
set(CPACK_DEBIAN_FERRY-TOOLS_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_FERRY-TOOLS_PACKAGE_DEPENDS "${ferry_same_version}")
set(CPACK_COMPONENT_FERRY-TOOLS_DESCRIPTION "Program that inspects, verifies and runs torchferry bundles.")

foreach(part RUNTIME DEV TOOLS)
  string(TOLOWER "ferry-${part}" component)
  install(FILES LICENSE DESTINATION "share/doc/${CPACK_DEBIAN_FERRY-${part}_PACKAGE_NAME}" RENAME copyright COMPONENT ${component})
endforeach()
include(CPack)

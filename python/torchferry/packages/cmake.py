"""A CMake package of the C: after `cmake --install`, `find_package(TITLE)` gives the targets `TITLE::PREFIX`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from torchferry.packages.sources import Sources

_LISTS = """\
cmake_minimum_required(VERSION 3.13)
project(@TITLE@ VERSION @VERSION@ LANGUAGES C)
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

# Targets have names of their own inside: CMake or a linker has another meaning for some.
foreach(model @MODELS@)
  add_library(@TITLE@_${model} STATIC ${model}.c)
  add_library(@TITLE@::${model} ALIAS @TITLE@_${model})
  target_include_directories(@TITLE@_${model} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>
                                                    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  set_target_properties(@TITLE@_${model} PROPERTIES
    C_STANDARD 99 C_STANDARD_REQUIRED ON POSITION_INDEPENDENT_CODE ON EXPORT_NAME ${model})
  install(TARGETS @TITLE@_${model} EXPORT @TITLE@-targets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
  install(FILES ${model}.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
  if(EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${model}.weights.bin)
    install(FILES ${model}.weights.bin DESTINATION ${CMAKE_INSTALL_DATADIR}/@TITLE@)
  endif()
endforeach()

set(folder ${CMAKE_INSTALL_LIBDIR}/cmake/@TITLE@)
install(EXPORT @TITLE@-targets NAMESPACE @TITLE@:: FILE @TITLE@-config.cmake DESTINATION ${folder})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/@TITLE@-config-version.cmake COMPATIBILITY SameMajorVersion)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/@TITLE@-config-version.cmake DESTINATION ${folder})
"""


def files(title: str, sources: Sequence[Sources]) -> Mapping[str, bytes]:
    """Return the files of the package by path."""
    values = {
        "@TITLE@": title,
        "@VERSION@": sources[0].version if len(sources) == 1 else "0.0.0",
        "@MODELS@": " ".join(one.prefix for one in sources),
    }
    text = _LISTS
    for key, value in values.items():
        text = text.replace(key, value)
    code = {name: data for one in sources for name, data in one.files.items()}
    return {"CMakeLists.txt": text.encode(), **code}

# ferry_link_bundle(TARGET FOLDER [ENGINE c|c-int8]): compiles the C of a bundle into a program or library, and registers it with a
# libferry that was built with FERRY_STATIC (ferry/c_model.h). The digests of the manifest are checked. find_package(ferry) brings it too.
include_guard(GLOBAL)

# Sets `files` and `digest`: the C files of the artifact of an engine, in their order, and their SHA-256 between commas.
function(ferry_find_c_files folder engine)
  file(READ "${folder}/manifest.json" manifest)
  string(JSON count LENGTH "${manifest}" artifacts)
  set(found "")
  set(digests "")
  foreach(artifact RANGE 1 ${count})
    math(EXPR artifact "${artifact} - 1")
    string(JSON name GET "${manifest}" artifacts ${artifact} engine)
    if(NOT name STREQUAL engine)
      continue()
    endif()
    string(JSON last LENGTH "${manifest}" artifacts ${artifact} files)
    math(EXPR last "${last} - 1")
    foreach(index RANGE ${last})
      string(JSON path GET "${manifest}" artifacts ${artifact} files ${index} path)
      string(JSON sha256 GET "${manifest}" artifacts ${artifact} files ${index} sha256)
      if(path MATCHES "^[^/]+[.][ch]$")
        file(SHA256 "${folder}/${path}" actual)
        if(NOT actual STREQUAL sha256)
          message(FATAL_ERROR "${folder}/${path}: got SHA-256 ${actual}, expected ${sha256}; get the bundle again")
        endif()
        list(APPEND found "${folder}/${path}")
        list(APPEND digests "${sha256}")
      endif()
    endforeach()
  endforeach()
  if(NOT found)
    message(FATAL_ERROR "${folder}: got no artifact for engine ${engine}, expected one; export it with --to ${engine}")
  endif()
  list(JOIN digests "," digest)
  set(files "${found}" PARENT_SCOPE)
  set(digest "${digest}" PARENT_SCOPE)
endfunction()

# Writes the C file that registers the model whose C files these are.
function(ferry_write_linked folder digest files out)
  list(GET files 0 entry)
  string(SHA256 id "${digest}")
  string(SUBSTRING "${id}" 0 16 id)
  set(renamed "")
  foreach(name Sources Input Output Run Selftest)
    string(APPEND renamed "#define ferry${name} ferry_${id}_${name}\n")
  endforeach()
  file(CONFIGURE OUTPUT "${out}" @ONLY CONTENT
"/* The model of @folder@, linked in: ferry/c_model.h. */
#define FERRY_SOURCES \"@digest@\"
@renamed@
#include \"@entry@\"

#include <ferry/c_model.h>

static const ferry_c_model ferry_@id@ = {ferrySources, ferryInput, ferryOutput, ferryRun, ferrySelftest};

__attribute__((constructor)) static void ferry_@id@_link(void) { (void)ferry_register_c_model(&ferry_@id@); }
")
endfunction()

# ferry_LINKS_MODELS: what an installed libferry can do (ferryConfig.cmake); unset in ferry's own build.
function(ferry_link_bundle target folder)
  if(DEFINED ferry_LINKS_MODELS AND NOT ferry_LINKS_MODELS)
    message(FATAL_ERROR "ferry_link_bundle: got a libferry whose engine c is a plugin, expected one that has it built in; "
                        "build libferry with -DFERRY_STATIC=ON")
  endif()
  cmake_parse_arguments(PARSE_ARGV 2 bundle "" "ENGINE" "")
  if(NOT bundle_ENGINE)
    set(bundle_ENGINE c)
  endif()
  get_filename_component(folder "${folder}" ABSOLUTE)
  ferry_find_c_files("${folder}" ${bundle_ENGINE})
  string(SHA256 id "${digest}")
  set(source "${CMAKE_CURRENT_BINARY_DIR}/ferry_models/${id}.c")
  ferry_write_linked("${folder}" "${digest}" "${files}" "${source}")
  set_source_files_properties("${source}" PROPERTIES OBJECT_DEPENDS "${files}" COMPILE_OPTIONS "-O3;-ffp-contract=off")
  target_sources(${target} PRIVATE "${source}")
endfunction()

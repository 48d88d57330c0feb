# examples.hpp: what `ferry-run predict --help` shows, out of python/torchferry/cli/predict_examples.txt, which `ferry` shows too.
# ferry_examples is the target that has it.
include_guard(GLOBAL)
set(ferry_examples_source "${PROJECT_SOURCE_DIR}/python/torchferry/cli/predict_examples.txt")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${ferry_examples_source}")

file(READ "${ferry_examples_source}" ferry_example_text)
string(REPLACE "PROGRAM" "ferry-run" ferry_example_text "${ferry_example_text}")
file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/examples.hpp" @ONLY CONTENT
"// The examples of `predict --help`, out of python/torchferry/cli/predict_examples.txt.
#pragma once

#include <string_view>

namespace ferry::cli {

inline constexpr std::string_view predict_examples = R\"(@ferry_example_text@)\";

}  // namespace ferry::cli
")
add_library(ferry_examples INTERFACE)
target_include_directories(ferry_examples INTERFACE "${PROJECT_BINARY_DIR}/generated")

// ONNX Runtime's library: where it lies, and its table of functions. Standard library and POSIX only.
//
// The library is opened by a path that begins at the root, so that none is ever taken from the current folder or from a variable
// of the environment: `libonnxruntime.so.1` beside the plugin, for a tree that is moved to another machine, else the one that the
// build recorded: that which it found, or in a wheel of ferry that of the package onnxruntime beside the package torchferry.
// A wheel's library could not be linked to: no file in the wheel has the name that its SONAME asks for.
#pragma once

#include <string>

#include "onnxruntime_abi.hpp"

namespace ferry::onnx {

// Loads the library once per process. Throws Refusal: FERRY_UNAVAILABLE where there is none, or one that is too old.
[[nodiscard]] const OrtApi& api();

// Returns "1.31.1"; "(not found)" without a library.
[[nodiscard]] const std::string& library_version();

}  // namespace ferry::onnx

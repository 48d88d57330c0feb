// The door in front of a TorchScript archive: it is read and judged here, before torch::jit sees it.
// python/torchferry/engines/torchscript_door.py is its twin.
//
// torch::jit::load compiles every class of an archive, runs the defaults of its parameters and its `__setstate__` methods, and
// believes its zip and its pickles; what it loaded may read and write files. So every file of code and every pickle is judged
// whatever uses it, and each operator must be in torchscript_operators.txt or be allowed by the user. The zip must have only one
// reading.
#pragma once

#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/api/compilation_unit.h>

#include <memory>

#include "ferry/engine.h"

namespace ferry::torchscript {

// Judges the request's first file before it is loaded. Throws engines::Refusal(FERRY_FORMAT) that names the operator, its method,
// and what to do.
void check_archive(const ferry_open_request& request, const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes);

// Judges what was compiled, before it is frozen or run: each function and method of the archive. Throws as check_archive does.
void check_functions(const ferry_open_request& request, const torch::jit::CompilationUnit& unit);

}  // namespace ferry::torchscript

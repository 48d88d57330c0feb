// Weights that stay where the archive lies, so that processes which map one file have them in memory once.
#pragma once

#include <caffe2/serialize/read_adapter_interface.h>
#include <torch/csrc/jit/ir/ir.h>

#include <memory>

#include "ferry/engine.h"

namespace ferry::torchscript {

// Lets each constant of the graph that the archive holds byte for byte, and that nothing writes into, point there, and frees its
// copy. `bytes` reads the request's first file, whose data must last as long as the graph. The constants are on the host.
void keep_in_place(const ferry_open_request& request, const std::shared_ptr<caffe2::serialize::ReadAdapterInterface>& bytes,
                   const std::shared_ptr<torch::jit::Graph>& graph);

}  // namespace ferry::torchscript

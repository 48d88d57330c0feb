// The door in front of an ONNX model: its bytes are walked before ONNX Runtime sees them. engines/onnx_door.py is its twin.
//
// ONNX Runtime opens the files that a tensor names as its data, in the working folder even for a model from memory, and takes
// other formats than ONNX from the same bytes. Here every message of onnx.proto3 is read by its wire format: no tensor's data
// lies outside, no operator is of a domain outside ONNX, no field is unknown.
#pragma once

#include <string_view>

namespace ferry::engines {

// Throws Refusal of FERRY_FORMAT that begins with `path`.
void check_onnx_model(std::string_view path, std::string_view bytes);

}  // namespace ferry::engines

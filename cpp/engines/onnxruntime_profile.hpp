// The times that ONNX Runtime has written of its nodes.
#pragma once

#include <cstddef>
#include <string>

#include "layer_times.hpp"

namespace ferry::onnx {

// Reads the one file in `folder`, a trace in Chrome's format, without the first calls of the model. Throws
// Refusal(FERRY_INTERNAL) where there is no such file or it says nothing.
[[nodiscard]] engines::LayerTimes read_profile(const std::string& folder, std::size_t skipped_calls);

}  // namespace ferry::onnx

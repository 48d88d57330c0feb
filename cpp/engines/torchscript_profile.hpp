// The times of the operators that LibTorch runs on this thread, by its own observers (RecordFunction).
#pragma once

#include <functional>

#include "layer_times.hpp"

namespace ferry::torchscript {

// Runs `call` and adds the time of each operator: those that another one calls are part of it. A frozen module has no layers
// left, so an operator is named by its place in the call.
void time_operators(const std::function<void()>& call, engines::LayerTimes& times);

}  // namespace ferry::torchscript

// Takes what an engine says of the times of its layers.
#pragma once

#include <ferry/engine.h>

#include <cstddef>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <new>
#include <span>
#include <vector>

#include "text.hpp"

namespace ferry {

// The ferry_layer_sink is `receive`; `context` is a LayerTimes.
struct LayerTimes {
  static std::int32_t receive(void* context, const ferry_layer_time* layers, std::size_t count) noexcept {
    auto& times = *static_cast<LayerTimes*>(context);
    try {
      for (const auto& layer : std::span(layers, count))
        times.layers.push_back({text::printable(layer.name), text::printable(layer.kind),
                                static_cast<double>(layer.nanoseconds) / static_cast<double>(times.calls)});
      return FERRY_OK;
    } catch (const std::bad_alloc&) {
      return FERRY_IO;
    } catch (...) {
      return FERRY_INTERNAL;
    }
  }

  std::size_t calls;
  std::vector<LayerTime> layers;
};

}  // namespace ferry

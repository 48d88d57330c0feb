// Times of layers, added up over calls in the order in which they ran first. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "ferry/engine.h"

namespace ferry::engines {

class LayerTimes {
 public:
  void add(const std::string& name, const std::string& kind, std::int64_t nanoseconds) {
    const auto [place, is_new] = places_.try_emplace({name, kind}, layers_.size());
    if (is_new) layers_.emplace_back(&place->first, 0);
    layers_[place->second].second += nanoseconds;
  }
  [[nodiscard]] bool empty() const noexcept { return layers_.empty(); }

  // Returns what `profile` has to return.
  [[nodiscard]] std::int32_t send(ferry_layer_sink sink, void* context) const {
    std::vector<ferry_layer_time> all;
    all.reserve(layers_.size());
    for (const auto& [layer, nanoseconds] : layers_) all.push_back({layer->first.c_str(), layer->second.c_str(), nanoseconds});
    return sink(context, all.data(), all.size());
  }

 private:
  using Layer = std::pair<std::string, std::string>;  // name and kind
  std::map<Layer, std::size_t> places_;
  std::vector<std::pair<const Layer*, std::int64_t>> layers_;
};

}  // namespace ferry::engines

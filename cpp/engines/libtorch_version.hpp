// Whether the LibTorch that is loaded is the one whose headers this plugin was compiled with: its C++ interface changes between
// versions, and a wheel of ferry stands beside whatever torch its user has installed.
#pragma once

#include <ATen/Version.h>
#include <torch/version.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "ferry/engine.hpp"

namespace ferry::libtorch {

// Returns "2.13.0" of a library that says "..., TORCH_VERSION=2.13.0+cpu, ..."; empty where it does not say so.
inline std::string loaded_version() {
  constexpr std::string_view key = "TORCH_VERSION=";
  const std::string text = at::show_config();
  const auto start = text.find(key);
  if (start == std::string::npos) return {};
  std::string version = text.substr(start + key.size());
  version.resize(std::min(version.size(), version.find_first_not_of("0123456789.")));  // without +cpu, a0 or .dev20261126
  if (version.ends_with('.')) version.pop_back();
  return version;
}

// Throws Refusal: FERRY_UNAVAILABLE.
inline void require_version() {
  static const std::string loaded = loaded_version();
  if (loaded != TORCH_VERSION)
    throw engines::Refusal{FERRY_UNAVAILABLE, "got LibTorch " + (loaded.empty() ? "of an unknown version" : loaded) +
                                                  ", expected " TORCH_VERSION
                                                  ", with whose headers this plugin was built; pip install torch==" TORCH_VERSION
                                                  ", or build ferry with that LibTorch"};
}

}  // namespace ferry::libtorch

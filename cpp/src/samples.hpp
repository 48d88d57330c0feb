// What a contract promises of the samples of a batch: a closed set (FORMAT.md section 3).
#pragma once

#include <ferry/ferry.hpp>
#include <optional>
#include <string_view>

namespace ferry {

// As the manifest writes it.
[[nodiscard]] constexpr std::string_view name_of(Samples samples) noexcept {
  switch (samples) {
    case Samples::independent:
      return "independent";
    case Samples::batch:
      return "batch";
  }
  return "batch";
}

// The member after that one in the order of the enumeration; empty after the last.
[[nodiscard]] constexpr std::optional<Samples> next_samples(Samples samples) noexcept {
  switch (samples) {
    case Samples::independent:
      return Samples::batch;
    case Samples::batch:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace ferry

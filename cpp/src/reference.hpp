// Which golden an output is compared with: a closed set (FORMAT.md section 6).
#pragma once

#include <ferry/ferry.hpp>
#include <optional>
#include <string_view>

namespace ferry {

// As the manifest writes it.
[[nodiscard]] constexpr std::string_view name_of(Reference reference) noexcept {
  switch (reference) {
    case Reference::float32:
      return "float32";
    case Reference::float64:
      return "float64";
  }
  return "float64";
}

// The reference after that one in the order of the enumeration; empty after the last.
[[nodiscard]] constexpr std::optional<Reference> next_reference(Reference reference) noexcept {
  switch (reference) {
    case Reference::float32:
      return Reference::float64;
    case Reference::float64:
      return std::nullopt;
  }
  return std::nullopt;
}

// One of the two, as the reference says; both outlive the call.
// NOLINTBEGIN(bugprone-return-const-ref-from-parameter)
template <typename T>
[[nodiscard]] constexpr const T& choose(Reference reference, const T& float32, const T& float64) noexcept {
  switch (reference) {
    case Reference::float32:
      return float32;
    case Reference::float64:
      return float64;
  }
  return float64;
}
// NOLINTEND(bugprone-return-const-ref-from-parameter)

}  // namespace ferry

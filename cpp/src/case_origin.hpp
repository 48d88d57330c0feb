// Where a golden case comes from: a closed set (FORMAT.md section 5).
#pragma once

#include <ferry/ferry.hpp>
#include <optional>
#include <string_view>

namespace ferry {

// As the manifest writes it.
[[nodiscard]] constexpr std::string_view name_of(CaseOrigin origin) noexcept {
  switch (origin) {
    case CaseOrigin::given:
      return "given";
    case CaseOrigin::stress:
      return "stress";
    case CaseOrigin::stream:
      return "stream";
  }
  return "stream";
}

// The member after that one in the order of the enumeration; empty after the last.
[[nodiscard]] constexpr std::optional<CaseOrigin> next_origin(CaseOrigin origin) noexcept {
  switch (origin) {
    case CaseOrigin::given:
      return CaseOrigin::stress;
    case CaseOrigin::stress:
      return CaseOrigin::stream;
    case CaseOrigin::stream:
      return std::nullopt;
  }
  return std::nullopt;
}

// Whether the case is a step of a stream, and no single call.
[[nodiscard]] constexpr bool is_step(const GoldenCase& golden) noexcept {
  switch (golden.origin) {
    case CaseOrigin::given:
    case CaseOrigin::stress:
      return false;
    case CaseOrigin::stream:
      return true;
  }
  return false;
}

}  // namespace ferry

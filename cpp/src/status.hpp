// What became of an engine: a closed set (FORMAT.md section 9). The Python twin is python/torchferry/compare/status.py.
#pragma once

#include <ferry/ferry.hpp>
#include <string_view>

namespace ferry {

// Whether there is something to judge.
[[nodiscard]] constexpr bool did_run(EngineVerdict::Status status) noexcept {
  switch (status) {
    case EngineVerdict::Status::passed:
    case EngineVerdict::Status::failed:
      return true;
    case EngineVerdict::Status::unavailable:
      return false;
  }
  return false;
}

// Whether this status alone makes a whole verdict fail.
[[nodiscard]] constexpr bool is_failure(EngineVerdict::Status status) noexcept {
  switch (status) {
    case EngineVerdict::Status::passed:
    case EngineVerdict::Status::unavailable:
      return false;
    case EngineVerdict::Status::failed:
      return true;
  }
  return true;
}

// As `verify --json` writes it.
[[nodiscard]] constexpr std::string_view name_of(EngineVerdict::Status status) noexcept {
  switch (status) {
    case EngineVerdict::Status::passed:
      return "passed";
    case EngineVerdict::Status::failed:
      return "failed";
    case EngineVerdict::Status::unavailable:
      return "unavailable";
  }
  return "failed";
}

// What begins an engine's last line.
[[nodiscard]] constexpr std::string_view closing_words(EngineVerdict::Status status) noexcept {
  switch (status) {
    case EngineVerdict::Status::passed:
      return "PASSED";
    case EngineVerdict::Status::failed:
      return "FAILED";
    case EngineVerdict::Status::unavailable:
      return "could not run";
  }
  return "FAILED";
}

}  // namespace ferry

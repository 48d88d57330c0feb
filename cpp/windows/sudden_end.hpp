// The end of a process that runs no destructors. cpp/posix/sudden_end.hpp is its twin.
#pragma once

#include <atomic>
#include <cstdlib>

namespace ferry::system {

inline std::atomic<void (*)()>& sudden_end_handler() noexcept {
  static std::atomic<void (*)()> only = nullptr;
  return only;
}

inline void call_at_sudden_end(void (*handler)()) noexcept { sudden_end_handler() = handler; }

[[noreturn]] inline void end_suddenly(int code) noexcept {
  if (auto* handler = sudden_end_handler().load()) handler();
  std::_Exit(code);
}

}  // namespace ferry::system

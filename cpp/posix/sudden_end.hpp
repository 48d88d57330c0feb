// The end of a process that runs no destructors. cpp/windows/sudden_end.hpp is its twin.
#pragma once

#include <atomic>
#include <cstdlib>

namespace ferry::system {

#if defined(__APPLE__) || defined(__EMSCRIPTEN__)  // have no std::quick_exit

inline std::atomic<void (*)()>& sudden_end_handler() noexcept {
  static std::atomic<void (*)()> only = nullptr;
  return only;
}

inline void call_at_sudden_end(void (*handler)()) noexcept { sudden_end_handler() = handler; }

[[noreturn]] inline void end_suddenly(int code) noexcept {
  if (auto* handler = sudden_end_handler().load()) handler();
  std::_Exit(code);
}

#else

// `handler` runs once, also where this is called again.
inline void call_at_sudden_end(void (*handler)()) noexcept {
  static const bool once = std::at_quick_exit(handler) == 0;
  static_cast<void>(once);
}

// Runs the handlers of std::at_quick_exit too.
[[noreturn]] inline void end_suddenly(int code) noexcept { std::quick_exit(code); }

#endif

}  // namespace ferry::system

// ferry/spans.hpp: what a program is told of the time that libferry takes, for its own traces and logs. Standard library only.
//
//   ferry::set_span_hook([](const ferry::Span& span, void*) noexcept { log(span.name, span.end - span.begin); }, nullptr);
//
// A hook for OpenTelemetry starts a span with these two times and the attribute `engine`: docs/guides/embedding.md.
#pragma once

#include <ferry/export.h>
#include <chrono>
#include <string_view>

namespace ferry {

// One step that has ended, also with an error. The texts live as long as the hook's call.
struct Span {
  std::string_view name = {};    // "bundle.open", "session.open", "session.run", "verify"
  std::string_view engine = {};  // of a session; else empty
  bool failed = false;           // it ended with an exception
  std::chrono::steady_clock::time_point begin = {};
  std::chrono::steady_clock::time_point end = {};
};

using SpanHook = void (*)(const Span& span, void* context) noexcept;

// Calls `hook` on the thread of each step, at its end; nullptr: nobody is told, and a step costs one load more. The hook and its
// context stay valid until another is set and every step that had begun has ended. Throws Error(io) without memory.
FERRY_API void set_span_hook(SpanHook hook, void* context);

}  // namespace ferry

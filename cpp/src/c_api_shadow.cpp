// The C ABI of shadow runs (ferry/shadow.hpp) and of spans (ferry/spans.hpp): what a program watches in production.
#include <chrono>
#include <cstddef>
#include <deque>
#include <ferry/shadow.hpp>
#include <ferry/spans.hpp>
#include <memory>
#include <mutex>

#include "c_api.hpp"
#include "verdict_json.hpp"

using ferry::c_api::copies_of;
using ferry::c_api::fail_null;
using ferry::c_api::guarded;
using ferry::c_api::options_of;

struct ferry_shadow {
  ferry::ShadowedSession session;
};

namespace {

struct SpanListener {
  ferry_span_hook hook;
  void* context;
};

// Each stays until the process ends, as those of set_span_hook do: a step that has begun may still look at it.
SpanListener& kept(SpanListener one) {
  static std::mutex mutex;
  static auto& all = *new std::deque<SpanListener>;
  const std::scoped_lock lock(mutex);
  return all.emplace_back(one);
}

int64_t nanoseconds_of(std::chrono::steady_clock::time_point time) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(time.time_since_epoch()).count();
}

void tell_span(const ferry::Span& span, void* context) noexcept {
  const auto& listener = *static_cast<const SpanListener*>(context);
  // Both are literals or whole strings, which end in a NUL.
  const char* name = span.name.data();                                 // NOLINT(bugprone-suspicious-stringview-data-usage)
  const char* engine = span.engine.empty() ? "" : span.engine.data();  // NOLINT(bugprone-suspicious-stringview-data-usage)
  const ferry_span told{name, engine, span.failed ? 1 : 0, nanoseconds_of(span.begin), nanoseconds_of(span.end)};
  listener.hook(&told, listener.context);
}

}  // namespace

extern "C" {

int32_t ferry_set_span_hook(ferry_span_hook hook, void* context) {
  return guarded([&] {
    if (hook == nullptr)
      ferry::set_span_hook(nullptr, nullptr);
    else
      ferry::set_span_hook(tell_span, &kept({hook, context}));
  });
}

int32_t ferry_shadow_open(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads,
                          const char* shadow_engine, size_t every, size_t queue, ferry_shadow_hook hook, void* context,
                          ferry_shadow** shadow) {
  if (shadow != nullptr) *shadow = nullptr;
  if (bundle == nullptr || engine == nullptr || device == nullptr || shadow_engine == nullptr || shadow == nullptr)
    return fail_null("ferry_shadow_open");
  return guarded([&] {
    ferry::ShadowOptions options{
        .engine = shadow_engine, .allow_native = bundle->allow_native, .every = every, .queue = queue, .on_verdict = {}};
    if (hook != nullptr)
      options.on_verdict = [hook, context](const ferry::ShadowVerdict& verdict) {
        hook(verdict.passed ? 1 : 0, ferry::shadow_json(verdict).c_str(), context);
      };
    *shadow = std::make_unique<ferry_shadow>(
                  ferry_shadow{ferry::ShadowedSession(bundle->bundle, options_of(*bundle, engine, device, threads), options)})
                  .release();
  });
}

void ferry_shadow_close(ferry_shadow* shadow) { const std::unique_ptr<ferry_shadow> closed(shadow); }

int32_t ferry_shadow_run(const ferry_shadow* shadow, const ferry_tensor_view* inputs, size_t count, ferry_outputs** outputs) {
  if (outputs != nullptr) *outputs = nullptr;
  if (shadow == nullptr || inputs == nullptr || outputs == nullptr) return fail_null("ferry_shadow_run");
  return guarded([&] { *outputs = std::make_unique<ferry_outputs>(shadow->session.run(copies_of({inputs, count}))).release(); });
}

int32_t ferry_shadow_count(const ferry_shadow* shadow, ferry_shadow_counts* counts) {
  if (shadow == nullptr || counts == nullptr) return fail_null("ferry_shadow_count");
  return guarded([&] {
    const ferry::ShadowCounts now = shadow->session.counts();
    *counts = {now.calls, now.repeated, now.failed, now.skipped};
  });
}

}  // extern "C"

// The C ABI of batchers and of the calls that wait in them.
#include <chrono>
#include <cstddef>
#include <ferry/batcher.hpp>
#include <memory>
#include <optional>
#include <string>

#include "c_api.hpp"

using ferry::c_api::copies_of;
using ferry::c_api::fail_null;
using ferry::c_api::guarded;

struct ferry_batcher {
  ferry::Batcher batcher;
};

struct ferry_call {
  ferry::PendingCall call;
};

namespace {

ferry::Batcher::Deadline deadline_of(int64_t limit_us) {
  if (limit_us < 0) return std::nullopt;
  return std::chrono::steady_clock::now() + std::chrono::microseconds(limit_us);
}

}  // namespace

extern "C" {

int32_t ferry_batcher_open(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads, size_t most,
                           int64_t wait_us, size_t queue, int32_t keep_bits, ferry_batcher** batcher) {
  if (batcher != nullptr) *batcher = nullptr;
  if (bundle == nullptr || engine == nullptr || device == nullptr || batcher == nullptr) return fail_null("ferry_batcher_open");
  return guarded([&] {
    const ferry::BatcherOptions options{
        .most = most, .wait = std::chrono::microseconds(wait_us), .queue = queue, .keep_bits = keep_bits != 0};
    const auto session = ferry::c_api::options_of(*bundle, engine, device, threads);
    *batcher = std::make_unique<ferry_batcher>(ferry_batcher{ferry::Batcher(bundle->bundle, session, options)}).release();
  });
}

void ferry_batcher_close(ferry_batcher* batcher) { const std::unique_ptr<ferry_batcher> closed(batcher); }

int32_t ferry_batcher_run(const ferry_batcher* batcher, const ferry_tensor_view* inputs, size_t count, int64_t limit_us,
                          ferry_outputs** outputs) {
  if (outputs != nullptr) *outputs = nullptr;
  if (batcher == nullptr || inputs == nullptr || outputs == nullptr) return fail_null("ferry_batcher_run");
  return guarded([&] {
    auto answer = batcher->batcher.run(copies_of({inputs, count}), deadline_of(limit_us));
    *outputs = std::make_unique<ferry_outputs>(std::move(answer)).release();
  });
}

int32_t ferry_batcher_submit(const ferry_batcher* batcher, const ferry_tensor_view* inputs, size_t count, int64_t limit_us,
                             ferry_call** call) {
  if (call != nullptr) *call = nullptr;
  if (batcher == nullptr || inputs == nullptr || call == nullptr) return fail_null("ferry_batcher_submit");
  return guarded([&] {
    auto pending = batcher->batcher.submit(copies_of({inputs, count}), deadline_of(limit_us));
    *call = std::make_unique<ferry_call>(ferry_call{std::move(pending)}).release();
  });
}

int32_t ferry_call_get(ferry_call* call, ferry_outputs** outputs) {
  if (outputs != nullptr) *outputs = nullptr;
  if (call == nullptr || outputs == nullptr) return fail_null("ferry_call_get");
  return guarded([&] { *outputs = std::make_unique<ferry_outputs>(call->call.get()).release(); });
}

int32_t ferry_call_cancel(ferry_call* call) {
  if (call == nullptr) return fail_null("ferry_call_cancel");
  return guarded([&] {
    if (!call->call.cancel())
      throw ferry::Error(ferry::ErrorCode::mismatch, "call: got one that has begun or was cancelled, expected one that waits");
  });
}

void ferry_call_close(ferry_call* call) { const std::unique_ptr<ferry_call> closed(call); }

}  // extern "C"

// The C ABI of streams (ferry/stream.hpp).
#include <cstddef>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "c_api.hpp"
#include "carried_calls.hpp"

using ferry::c_api::copies_of;
using ferry::c_api::fail_null;
using ferry::c_api::guarded;

struct ferry_stream {
  const ferry_session* session;
  ferry::CarriedCalls calls;
};

namespace {

// Throws Error(usage) for a name that is NULL or comes twice.
std::map<std::string, std::string> pairs_of(std::span<const char* const> inputs, std::span<const char* const> outputs) {
  std::map<std::string, std::string> pairs;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == nullptr || outputs[i] == nullptr)
      throw ferry::Error(ferry::ErrorCode::usage, "stream: got a NULL name, expected an input and an output");
    if (!pairs.emplace(inputs[i], outputs[i]).second)
      throw ferry::Error(ferry::ErrorCode::usage, "stream: got input " + std::string(inputs[i]) + " twice, expected it once");
  }
  return pairs;
}

}  // namespace

extern "C" {

int32_t ferry_stream_open(const ferry_bundle* bundle, const ferry_session* session, const char* const* inputs,
                          const char* const* outputs, size_t count, int64_t samples, ferry_stream** stream) {
  if (stream != nullptr) *stream = nullptr;
  const bool has_names = inputs != nullptr && outputs != nullptr;
  const bool has_none = inputs == nullptr && outputs == nullptr && count == 0;
  if (bundle == nullptr || session == nullptr || (!has_names && !has_none) || stream == nullptr)
    return fail_null("ferry_stream_open");
  return guarded([&] {
    const auto& contract = bundle->bundle.contract();
    const auto pairs = has_none ? contract.state : pairs_of({inputs, count}, {outputs, count});
    *stream = std::make_unique<ferry_stream>(ferry_stream{session, ferry::CarriedCalls(contract, pairs, samples)}).release();
  });
}

void ferry_stream_close(ferry_stream* stream) { const std::unique_ptr<ferry_stream> closed(stream); }

int32_t ferry_stream_run(ferry_stream* stream, const ferry_tensor_view* inputs, size_t count, ferry_outputs** outputs) {
  if (outputs != nullptr) *outputs = nullptr;
  if (stream == nullptr || inputs == nullptr || outputs == nullptr) return fail_null("ferry_stream_run");
  return guarded([&] {
    const auto run = [&](const ferry::NamedTensors& all) { return stream->session->runner.run(ferry::views_of(all)); };
    *outputs = std::make_unique<ferry_outputs>(stream->calls.next(copies_of({inputs, count}), run)).release();
  });
}

int32_t ferry_stream_reset(ferry_stream* stream) {
  if (stream == nullptr) return fail_null("ferry_stream_reset");
  return guarded([&] { stream->calls.reset(); });
}

int32_t ferry_stream_state(const ferry_stream* stream, ferry_outputs** state) {
  if (state != nullptr) *state = nullptr;
  if (stream == nullptr || state == nullptr) return fail_null("ferry_stream_state");
  return guarded([&] { *state = std::make_unique<ferry_outputs>(stream->calls.state()).release(); });
}

}  // extern "C"

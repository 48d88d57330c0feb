// The C ABI of sessions, their outputs, and of verifying.
#include <algorithm>
#include <memory>
#include <string>
#include <string_view>

#include "c_api.hpp"
#include "replay.hpp"
#include "runner.hpp"
#include "status.hpp"
#include "text.hpp"
#include "verdict_json.hpp"

using ferry::c_api::at;
using ferry::c_api::fail_null;
using ferry::c_api::guarded;
using ferry::c_api::options_of;

namespace {

// Throws Error(unavailable | mismatch) where the replay is no proof.
void require_proof(const ferry::Bundle& bundle, const ferry::Replay& replay) {
  ferry::require_a_run(bundle, replay);
  for (const ferry::EngineVerdict& engine : replay.verdicts)
    if (ferry::is_failure(engine.status))
      throw ferry::Error(ferry::ErrorCode::mismatch, bundle.manifest().name + ": " + engine.engine +
                                                         ": got outputs outside their tolerances, expected those of the goldens; "
                                                         "the report says which");
}

}  // namespace

extern "C" {

int32_t ferry_register_engine(const ferry_engine* engine) {
  if (engine == nullptr) return fail_null("ferry_register_engine");
  return guarded([&] { ferry::register_engine(*engine); });
}

int32_t ferry_add_engine_folder(const char* path) {
  if (path == nullptr) return fail_null("ferry_add_engine_folder");
  return guarded([&] { ferry::add_engine_folder(ferry::text::path_of(path)); });
}

int32_t ferry_session_open(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads,
                           ferry_session** session) {
  if (session != nullptr) *session = nullptr;
  if (bundle == nullptr || engine == nullptr || device == nullptr || session == nullptr) return fail_null("ferry_session_open");
  return guarded([&] {
    *session = std::make_unique<ferry_session>(
                   ferry_session{ferry::Runner(bundle->bundle, options_of(*bundle, engine, device, threads))})
                   .release();
  });
}

void ferry_session_close(ferry_session* session) { const std::unique_ptr<ferry_session> closed(session); }

const char* ferry_session_engine(const ferry_session* session) {
  return session == nullptr ? nullptr : session->runner.engine().c_str();
}

const char* ferry_session_device(const ferry_session* session) {
  return session == nullptr ? nullptr : session->runner.device().c_str();
}

const char* ferry_session_runtime(const ferry_session* session) {
  return session == nullptr ? nullptr : session->runner.runtime().c_str();
}

const char* ferry_session_numerics(const ferry_session* session) {
  return session == nullptr ? nullptr : session->runner.numerics().c_str();
}

int32_t ferry_session_run(const ferry_session* session, const ferry_tensor_view* inputs, size_t count, ferry_outputs** outputs) {
  if (outputs != nullptr) *outputs = nullptr;
  if (session == nullptr || inputs == nullptr || outputs == nullptr) return fail_null("ferry_session_run");
  return guarded([&] { *outputs = std::make_unique<ferry_outputs>(session->runner.run({inputs, count})).release(); });
}

int32_t ferry_session_run_into(const ferry_session* session, const ferry_tensor_view* inputs, size_t count,
                               const ferry_tensor_buffer* outputs, size_t output_count) {
  if (session == nullptr || inputs == nullptr || outputs == nullptr) return fail_null("ferry_session_run_into");
  return guarded([&] { session->runner.run_into({inputs, count}, {outputs, output_count}); });
}

size_t ferry_session_concurrency(const ferry_session* session) { return session == nullptr ? 0 : session->runner.concurrency(); }

int32_t ferry_session_profile(const ferry_session* session, const ferry_tensor_view* inputs, size_t count, int32_t calls,
                              ferry_text** report) {
  if (report != nullptr) *report = nullptr;
  if (session == nullptr || inputs == nullptr || report == nullptr) return fail_null("ferry_session_profile");
  return guarded([&] {
    const auto wanted = static_cast<std::size_t>(std::max(calls, 0));
    const auto layers = session->runner.profile({inputs, count}, wanted);
    *report = std::make_unique<ferry_text>(ferry_text{ferry::profile_json(session->runner.engine(), wanted, layers)}).release();
  });
}

size_t ferry_outputs_count(const ferry_outputs* outputs) { return outputs == nullptr ? 0 : outputs->views.size(); }

const ferry_tensor_view* ferry_outputs_get(const ferry_outputs* outputs, size_t index) {
  return outputs == nullptr ? nullptr : at(outputs->views, index);
}

const ferry_tensor_view* ferry_outputs_find(const ferry_outputs* outputs, const char* name) {
  if (outputs == nullptr || name == nullptr) return nullptr;
  const auto found = std::find_if(outputs->views.begin(), outputs->views.end(),
                                  [name](const ferry_tensor_view& view) { return std::string_view(view.name) == name; });
  return found == outputs->views.end() ? nullptr : &*found;
}

void ferry_outputs_close(ferry_outputs* outputs) { const std::unique_ptr<ferry_outputs> closed(outputs); }

int32_t ferry_verify(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads, int32_t calls,
                     ferry_text** report) {
  if (report != nullptr) *report = nullptr;
  if (bundle == nullptr || device == nullptr || report == nullptr) return fail_null("ferry_verify");
  return guarded([&] {
    const ferry::ReplayOptions options{
        .engine = engine == nullptr ? "" : engine, .device = device, .calls = ferry::checked_calls(calls, "calls")};
    const ferry::Replay replay = ferry::replay(bundle->bundle, options, [&](const std::string& name) {
      return ferry::Session(bundle->bundle, options_of(*bundle, name, device, threads));
    });
    *report = std::make_unique<ferry_text>(ferry_text{ferry::verdicts_json(bundle->bundle, replay.verdicts)}).release();
    require_proof(bundle->bundle, replay);
  });
}

const char* ferry_text_get(const ferry_text* text) { return text == nullptr ? nullptr : text->text.c_str(); }

void ferry_text_close(ferry_text* text) { const std::unique_ptr<ferry_text> closed(text); }

}  // extern "C"

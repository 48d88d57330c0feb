// The C ABI of files as samples: libferry_samples.so reads them.
#include <cstdint>
#include <exception>
#include <memory>
#include <string>
#include <utility>

#include "c_api.hpp"
#include "engine_library.hpp"
#include "sample_library.hpp"

using ferry::c_api::fail_null;
using ferry::c_api::guarded;

namespace {

// Opened once a process. Throws Error(unavailable).
const ferry_sample_library& sample_library() {
  static const ferry_sample_library& opened = []() -> const ferry_sample_library& {
    void* entry = ferry::open_beside("files as samples", "ferry_samples", "ferry_sample_library_entry");
    const auto* library = reinterpret_cast<ferry_sample_library_entry_function>(entry)();
    if (library->version != ferry::sample_library_version)
      throw ferry::Error(ferry::ErrorCode::unavailable, "files as samples: got a libferry_samples.so of version " +
                                                            std::to_string(library->version) + ", expected " +
                                                            std::to_string(ferry::sample_library_version) +
                                                            "; install it and libferry of one release");
    return *library;
  }();
  return opened;
}

void check(std::int32_t code, const ferry_engine_error& error) {
  if (code != FERRY_OK) throw ferry::Error(static_cast<ferry::ErrorCode>(code), static_cast<const char*>(error.text));
}

// What a call of `read` has given.
struct Received {
  std::unique_ptr<ferry_outputs> samples;
  std::exception_ptr problem;
};

std::int32_t receive(void* context, const ferry_tensor_view* views, std::size_t count) {
  auto& received = *static_cast<Received*>(context);
  try {
    received.samples = std::make_unique<ferry_outputs>(ferry::c_api::copies_of({views, count}));
    return FERRY_OK;
  } catch (...) {
    received.problem = std::current_exception();
    return FERRY_IO;
  }
}

}  // namespace

struct ferry_samples {
  const ferry_sample_library* library;
  std::unique_ptr<ferry_sample_reader, void (*)(ferry_sample_reader*)> reader;
};

extern "C" {

int32_t ferry_samples_open(const ferry_bundle* bundle, const char* const* files, size_t count, ferry_samples** samples) {
  if (samples != nullptr) *samples = nullptr;
  if (bundle == nullptr || files == nullptr || samples == nullptr) return fail_null("ferry_samples_open");
  for (size_t i = 0; i < count; ++i)
    if (files[i] == nullptr) return fail_null("ferry_samples_open");
  return guarded([&] {
    ferry_engine_error error{};
    ferry_sample_reader* reader = nullptr;
    const ferry_sample_library& library = sample_library();
    check(library.open(bundle->bundle.manifest_json().c_str(), bundle->bundle.manifest().name.c_str(), files, count, &reader,
                       &error),
          error);
    std::unique_ptr<ferry_sample_reader, void (*)(ferry_sample_reader*)> opened(reader, library.close);
    *samples = std::make_unique<ferry_samples>(ferry_samples{&library, std::move(opened)}).release();
  });
}

int32_t ferry_samples_read(ferry_samples* samples, int64_t count, ferry_outputs** inputs) {
  if (inputs != nullptr) *inputs = nullptr;
  if (samples == nullptr || inputs == nullptr) return fail_null("ferry_samples_read");
  return guarded([&] {
    if (count < 1)
      throw ferry::Error(ferry::ErrorCode::usage, "samples: got " + std::to_string(count) + ", expected 1 or more a read");
    ferry_engine_error error{};
    Received received;
    const std::int32_t code = samples->library->read(samples->reader.get(), count, receive, &received, &error);
    if (received.problem != nullptr) std::rethrow_exception(received.problem);
    check(code, error);
    *inputs = received.samples.release();
  });
}

void ferry_samples_close(ferry_samples* samples) { const std::unique_ptr<ferry_samples> closed(samples); }

}  // extern "C"

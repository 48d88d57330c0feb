// libferry_samples.so: the readers of `ferry-run predict --input` behind the C ABI (sample_library.hpp). It is made of
// ferry-run's objects.
#include "sample_library.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ferry/ferry.hpp>
#include <memory>
#include <new>
#include <string>
#include <utility>
#include <vector>

#include "input.hpp"
#include "manifest.hpp"
#include "runner.hpp"

struct ferry_sample_reader {
  ferry_sample_reader(ferry::Contract given, const std::vector<std::string>& files)
      : contract(std::move(given)), reader(contract, files) {}
  ferry::Contract contract;
  ferry::cli::InputReader reader;
};

namespace {

std::int32_t fail(ferry_engine_error* error, ferry::ErrorCode code, std::string_view text) noexcept {
  const std::size_t size = std::min(text.size(), sizeof error->text - 1);
  std::memcpy(static_cast<char*>(error->text), text.data(), size);
  static_cast<char*>(error->text)[size] = '\0';
  return static_cast<std::int32_t>(code);
}

// No exception leaves this library.
template <typename Body>
std::int32_t guarded(ferry_engine_error* error, Body body) noexcept {
  try {
    body();
    return FERRY_OK;
  } catch (const ferry::Error& problem) {
    return fail(error, problem.code(), problem.what());
  } catch (const std::bad_alloc&) {
    return fail(error, ferry::ErrorCode::io, "memory: got none, expected enough for these samples; read fewer at once");
  } catch (const std::exception& problem) {
    return fail(error, ferry::ErrorCode::internal, problem.what());
  }
}

std::int32_t open(const char* manifest, const char* where, const char* const* files, std::size_t count,
                  ferry_sample_reader** reader, ferry_engine_error* error) {
  return guarded(error, [&] {
    if (count == 0) throw ferry::Error(ferry::ErrorCode::usage, "files: got none, expected at least one");
    ferry::Contract contract = ferry::parse_manifest(manifest, where).contract;
    const std::vector<std::string> names(files, files + count);
    *reader = std::make_unique<ferry_sample_reader>(std::move(contract), names).release();
  });
}

std::int32_t read(ferry_sample_reader* reader, std::int64_t count, ferry_output_sink sink, void* context,
                  ferry_engine_error* error) {
  std::int32_t taken = FERRY_OK;
  const std::int32_t code = guarded(error, [&] {
    if (reader->reader.at_end()) return;
    const ferry::NamedTensors samples = reader->reader.read(count);
    const auto is_empty = [&](const ferry::TensorSpec& spec) {
      return ferry::cli::is_batched(spec) && samples[spec.name].shape().front() == 0;
    };
    if (std::ranges::any_of(reader->contract.inputs, is_empty)) return;
    const auto views = ferry::views_of(samples);
    taken = sink(context, views.data(), views.size());
  });
  return code == FERRY_OK ? taken : code;
}

void close(ferry_sample_reader* reader) { const std::unique_ptr<ferry_sample_reader> closed(reader); }

}  // namespace

extern "C" FERRY_ENGINE_EXPORT const ferry_sample_library* ferry_sample_library_entry() {
  static const ferry_sample_library library{ferry::sample_library_version, open, read, close};
  return &library;
}

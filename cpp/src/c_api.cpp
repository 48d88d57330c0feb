// The C ABI of bundles, and of what went wrong last.
#include "c_api.hpp"

#include <array>
#include <memory>

#include "digest.hpp"
#include "dtype.hpp"
#include "limits.hpp"
#include "runner.hpp"
#include "session_options.hpp"
#include "shape.hpp"
#include "text.hpp"

namespace {

constexpr std::size_t max_failure_text = 4096;

// Without a destructor: registering one for a thread takes memory, and glibc ends the process where there is none.
struct LastFailure {
  int32_t code = FERRY_OK;
  std::array<char, max_failure_text> text{};  // NUL-terminated
};
thread_local LastFailure last_failure;

}  // namespace

namespace ferry::c_api {

int32_t fail(int32_t code, std::string_view text) noexcept {
  last_failure.code = code;
  const auto kept = text.substr(0, max_failure_text - 1);
  *std::copy(kept.begin(), kept.end(), last_failure.text.begin()) = '\0';
  return code;
}

int32_t fail_null(std::string_view function) noexcept {
  return guarded(
      [&] { throw ferry::Error(ferry::ErrorCode::usage, std::string(function) + ": got a NULL argument, expected a pointer"); });
}

namespace {

// Throws Error(bad_input) for one that cannot be read.
Tensor copy_of(const ferry_tensor_view& view) {
  const std::string where = "input " + text::printable(view.name) + ": ";
  const bool is_readable = view.rank >= 0 && view.rank <= limits::max_rank && (view.shape != nullptr || view.rank == 0) &&
                           (view.data != nullptr || view.bytes == 0);
  if (!is_readable)
    throw Error(ErrorCode::bad_input, where + "got rank " + std::to_string(view.rank) +
                                          " with a null pointer or too many dims, expected a shape of at most " +
                                          std::to_string(limits::max_rank) + " dims and its data");
  Shape shape(view.shape, view.shape + view.rank);
  const auto dtype = find_dtype(view.dtype);
  const auto expected = dtype ? byte_count(*dtype, shape) : std::nullopt;
  if (expected && view.bytes != *expected)
    throw Error(ErrorCode::bad_input, where + "bytes: got " + std::to_string(view.bytes) + ", expected " +
                                          std::to_string(*expected) + " for " + std::string(to_string(*dtype)) +
                                          to_string(shape));
  try {
    return Tensor::copy(static_cast<DType>(view.dtype), std::move(shape), {static_cast<const std::byte*>(view.data), view.bytes});
  } catch (const Error& error) {
    throw Error(error.code(), where + error.what());
  }
}

}  // namespace

NamedTensors copies_of(std::span<const ferry_tensor_view> views) {
  NamedTensors tensors;
  tensors.reserve(views.size());
  for (const ferry_tensor_view& view : views) {
    if (view.name == nullptr) throw Error(ErrorCode::bad_input, "inputs: got one without a name, expected names");
    tensors.add(view.name, copy_of(view));
  }
  return tensors;
}

}  // namespace ferry::c_api

using ferry::c_api::at;
using ferry::c_api::fail_null;
using ferry::c_api::guarded;

namespace {

ferry_bundle* opened(const ferry::Bundle& bundle) { return std::make_unique<ferry_bundle>(bundle).release(); }

ferry::Bundle from_memory(const void* bytes, size_t size, const ferry::TrustOptions& trust) {
  return ferry::Bundle::from_memory(std::span(static_cast<const std::byte*>(bytes), size), "memory", trust);
}

const ferry::Classes* classes_of(const ferry_bundle* bundle) noexcept {
  if (bundle == nullptr || !bundle->bundle.contract().classes) return nullptr;
  return &*bundle->bundle.contract().classes;
}

}  // namespace

extern "C" {

const char* ferry_version(void) { return FERRY_VERSION; }

size_t ferry_element_size(int32_t dtype) { return ferry::size_of(static_cast<ferry::DType>(dtype)); }

const char* ferry_last_error(void) { return last_failure.text.data(); }
int32_t ferry_last_code(void) { return last_failure.code; }

int32_t ferry_bundle_open(const char* path, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (path == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open");
  return guarded([&] { *bundle = opened(ferry::Bundle::open(ferry::text::path_of(path))); });
}

int32_t ferry_bundle_open_memory(const void* bytes, size_t size, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (bytes == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open_memory");
  return guarded([&] { *bundle = opened(from_memory(bytes, size, {})); });
}

int32_t ferry_bundle_open_trusted(const char* path, const char* keys, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (path == nullptr || keys == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open_trusted");
  return guarded(
      [&] { *bundle = opened(ferry::Bundle::open(ferry::text::path_of(path), {.keys = {ferry::text::path_of(keys)}})); });
}

int32_t ferry_bundle_open_memory_trusted(const void* bytes, size_t size, const char* keys, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (bytes == nullptr || keys == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open_memory_trusted");
  return guarded([&] { *bundle = opened(from_memory(bytes, size, {.keys = {ferry::text::path_of(keys)}})); });
}

int32_t ferry_bundle_open_lazy(const char* path, const char* keys, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (path == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open_lazy");
  return guarded([&] {
    ferry::TrustOptions trust;
    if (keys != nullptr) trust.keys.push_back(ferry::text::path_of(keys));
    *bundle = opened(ferry::Bundle::open(ferry::text::path_of(path), trust, ferry::FileChecks::lazy));
  });
}

int32_t ferry_set_trust_policy(const char* keys, int32_t require_signature) {
  return guarded([&] {
    ferry::TrustOptions options{.keys = {}, .require_signature = require_signature != 0};
    if (keys != nullptr) options.keys.push_back(ferry::text::path_of(keys));
    ferry::set_trust_policy(options);
  });
}

void ferry_bundle_close(ferry_bundle* bundle) { const std::unique_ptr<ferry_bundle> closed(bundle); }

size_t ferry_bundle_input_count(const ferry_bundle* bundle) { return bundle == nullptr ? 0 : bundle->inputs.specs().size(); }
size_t ferry_bundle_output_count(const ferry_bundle* bundle) { return bundle == nullptr ? 0 : bundle->outputs.specs().size(); }
size_t ferry_bundle_engine_count(const ferry_bundle* bundle) {
  return bundle == nullptr ? 0 : bundle->bundle.manifest().artifacts.size();
}

const ferry_tensor_spec* ferry_bundle_input(const ferry_bundle* bundle, size_t index) {
  return bundle == nullptr ? nullptr : at(bundle->inputs.specs(), index);
}

const ferry_tensor_spec* ferry_bundle_output(const ferry_bundle* bundle, size_t index) {
  return bundle == nullptr ? nullptr : at(bundle->outputs.specs(), index);
}

const char* ferry_bundle_engine(const ferry_bundle* bundle, size_t index) {
  const ferry::Artifact* artifact = bundle == nullptr ? nullptr : at(bundle->bundle.manifest().artifacts, index);
  return artifact == nullptr ? nullptr : artifact->engine.c_str();
}

const char* ferry_bundle_name(const ferry_bundle* bundle) {
  return bundle == nullptr ? nullptr : bundle->bundle.manifest().name.c_str();
}

const char* ferry_bundle_digest(const ferry_bundle* bundle) { return bundle == nullptr ? nullptr : bundle->digest.c_str(); }

const char* ferry_bundle_manifest(const ferry_bundle* bundle) {
  return bundle == nullptr ? nullptr : bundle->bundle.manifest_json().c_str();
}

size_t ferry_bundle_class_count(const ferry_bundle* bundle) {
  const ferry::Classes* classes = classes_of(bundle);
  return classes == nullptr ? 0 : classes->names.size();
}

const char* ferry_bundle_class(const ferry_bundle* bundle, size_t index) {
  const ferry::Classes* classes = classes_of(bundle);
  const std::string* name = classes == nullptr ? nullptr : at(classes->names, index);
  return name == nullptr ? nullptr : name->c_str();
}

const char* ferry_bundle_class_output(const ferry_bundle* bundle) {
  const ferry::Classes* classes = classes_of(bundle);
  return classes == nullptr ? nullptr : classes->output.c_str();
}

void ferry_bundle_allow_native(ferry_bundle* bundle) {
  if (bundle != nullptr) bundle->allow_native = true;
}

int32_t ferry_bundle_allow_operator(ferry_bundle* bundle, const char* name) {
  if (bundle == nullptr || name == nullptr) return fail_null("ferry_bundle_allow_operator");
  return guarded([&] {
    ferry::check_operator_name(name);
    bundle->allow_ops.emplace_back(name);
  });
}

void ferry_bundle_isolate(ferry_bundle* bundle) {
  if (bundle != nullptr) bundle->isolate = true;
}

void ferry_bundle_set_memory(ferry_bundle* bundle, uint64_t bytes) {
  if (bundle != nullptr) bundle->memory_bytes = bytes;
}

void ferry_bundle_set_models(ferry_bundle* bundle, int32_t models) {
  if (bundle != nullptr) bundle->models = models;
}

void ferry_bundle_map_files(ferry_bundle* bundle) {
  if (bundle != nullptr) bundle->map_files = true;
}

void ferry_bundle_set_timeout(ferry_bundle* bundle, double seconds) {
  if (bundle != nullptr) bundle->timeout = seconds;
}

}  // extern "C"

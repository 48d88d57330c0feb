// The C ABI over the C++ API: every function turns exceptions into a code and a thread-local text.
#include <ferry/ferry.h>

#include <algorithm>
#include <array>
#include <exception>
#include <ferry/ferry.hpp>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <vector>

#include "contract.hpp"
#include "runner.hpp"

namespace {

constexpr std::size_t max_failure_text = 4096;

// Without a destructor: registering one for a thread takes memory, and glibc ends the process where there is none.
struct LastFailure {
  int32_t code = FERRY_OK;
  std::array<char, max_failure_text> text{};  // NUL-terminated
};
thread_local LastFailure last_failure;

int32_t fail(int32_t code, std::string_view text) noexcept {
  last_failure.code = code;
  const auto kept = text.substr(0, max_failure_text - 1);
  *std::ranges::copy(kept, last_failure.text.begin()).out = '\0';
  return code;
}

// Runs `body` and keeps what it throws.
template <typename Body>
int32_t guarded(Body body) noexcept {
  try {
    body();
    return FERRY_OK;
  } catch (const ferry::Error& error) {
    return fail(static_cast<int32_t>(error.code()), error.what());
  } catch (const std::bad_alloc&) {
    return fail(FERRY_IO, "memory: got none, expected enough for this call; use smaller batches");
  } catch (const std::exception& error) {
    return fail(FERRY_INTERNAL, error.what());
  } catch (...) {
    return fail(FERRY_INTERNAL, "got an exception of unknown type, expected none");
  }
}

int32_t fail_null(std::string_view function) noexcept {
  return guarded(
      [&] { throw ferry::Error(ferry::ErrorCode::usage, std::string(function) + ": got a NULL argument, expected a pointer"); });
}

// Specs for C, with the storage of their shapes.
class SpecList {
 public:
  explicit SpecList(std::span<const ferry::CompiledSpec> specs) {
    shapes_.reserve(specs.size());
    for (const ferry::CompiledSpec& compiled : specs) {
      std::vector<std::int64_t>& shape = shapes_.emplace_back(compiled.dims);
      for (std::int64_t& dim : shape) dim = std::max<std::int64_t>(dim, -1);
      const ferry::TensorSpec& spec = *compiled.spec;
      specs_.push_back(
          {spec.name.c_str(), static_cast<std::int32_t>(spec.dtype), static_cast<std::int32_t>(shape.size()), shape.data()});
    }
  }
  [[nodiscard]] const std::vector<ferry_tensor_spec>& specs() const noexcept { return specs_; }

 private:
  std::vector<std::vector<std::int64_t>> shapes_;
  std::vector<ferry_tensor_spec> specs_;
};

template <typename T>
const T* at(const std::vector<T>& values, size_t index) noexcept {
  return index < values.size() ? &values[index] : nullptr;
}

}  // namespace

struct ferry_bundle {
  explicit ferry_bundle(const ferry::Bundle& opened)
      : bundle(opened), checker(bundle.contract()), inputs(checker.inputs()), outputs(checker.outputs()) {}
  ferry::Bundle bundle;
  ferry::ContractChecker checker;
  SpecList inputs;
  SpecList outputs;
  bool allow_native = false;
  std::vector<std::string> allow_ops;
  bool isolate = false;
  double timeout = 0;
};

struct ferry_session {
  ferry::Runner runner;
};

struct ferry_outputs {
  explicit ferry_outputs(ferry::NamedTensors named) : tensors(std::move(named)), views(ferry::views_of(tensors)) {}
  ferry::NamedTensors tensors;
  std::vector<ferry_tensor_view> views;
};

namespace {

ferry_bundle* opened(const ferry::Bundle& bundle) { return std::make_unique<ferry_bundle>(bundle).release(); }

ferry::Bundle from_memory(const void* bytes, size_t size, const ferry::TrustOptions& trust) {
  return ferry::Bundle::from_memory(std::span(static_cast<const std::byte*>(bytes), size), "memory", trust);
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
  return guarded([&] { *bundle = opened(ferry::Bundle::open(path)); });
}

int32_t ferry_bundle_open_memory(const void* bytes, size_t size, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (bytes == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open_memory");
  return guarded([&] { *bundle = opened(from_memory(bytes, size, {})); });
}

int32_t ferry_bundle_open_trusted(const char* path, const char* keys, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (path == nullptr || keys == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open_trusted");
  return guarded([&] { *bundle = opened(ferry::Bundle::open(path, {.keys = {keys}})); });
}

int32_t ferry_bundle_open_memory_trusted(const void* bytes, size_t size, const char* keys, ferry_bundle** bundle) {
  if (bundle != nullptr) *bundle = nullptr;
  if (bytes == nullptr || keys == nullptr || bundle == nullptr) return fail_null("ferry_bundle_open_memory_trusted");
  return guarded([&] { *bundle = opened(from_memory(bytes, size, {.keys = {keys}})); });
}

int32_t ferry_set_trust_policy(const char* keys, int32_t require_signature) {
  return guarded([&] {
    ferry::TrustOptions options{.keys = {}, .require_signature = require_signature != 0};
    if (keys != nullptr) options.keys.emplace_back(keys);
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

void ferry_bundle_set_timeout(ferry_bundle* bundle, double seconds) {
  if (bundle != nullptr) bundle->timeout = seconds;
}

int32_t ferry_session_open(const ferry_bundle* bundle, const char* engine, const char* device, int32_t threads,
                           ferry_session** session) {
  if (session != nullptr) *session = nullptr;
  if (bundle == nullptr || engine == nullptr || device == nullptr || session == nullptr) return fail_null("ferry_session_open");
  return guarded([&] {
    const ferry::SessionOptions options{engine,          device,         threads, bundle->allow_native, bundle->allow_ops,
                                        bundle->isolate, bundle->timeout};
    *session = std::make_unique<ferry_session>(ferry_session{ferry::Runner(bundle->bundle, options)}).release();
  });
}

void ferry_session_close(ferry_session* session) { const std::unique_ptr<ferry_session> closed(session); }

int32_t ferry_session_run(const ferry_session* session, const ferry_tensor_view* inputs, size_t count, ferry_outputs** outputs) {
  if (outputs != nullptr) *outputs = nullptr;
  if (session == nullptr || inputs == nullptr || outputs == nullptr) return fail_null("ferry_session_run");
  return guarded([&] { *outputs = std::make_unique<ferry_outputs>(session->runner.run({inputs, count})).release(); });
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

}  // extern "C"

// What the files of the C ABI share: every function turns exceptions into a code and a thread-local text.
#pragma once

#include <ferry/ferry.h>

#include <algorithm>
#include <cstdint>
#include <exception>
#include <ferry/ferry.hpp>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "contract.hpp"
#include "runner.hpp"

namespace ferry::c_api {

// Keeps what ferry_last_code and ferry_last_error say of this thread; returns `code`.
int32_t fail(int32_t code, std::string_view text) noexcept;

int32_t fail_null(std::string_view function) noexcept;

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

}  // namespace ferry::c_api

struct ferry_bundle {
  explicit ferry_bundle(const ferry::Bundle& opened)
      : bundle(opened), checker(bundle.contract()), inputs(checker.inputs()), outputs(checker.outputs()) {}
  ferry::Bundle bundle;
  std::string digest = bundle.digest();
  ferry::ContractChecker checker;
  ferry::c_api::SpecList inputs;
  ferry::c_api::SpecList outputs;
  bool allow_native = false;
  std::vector<std::string> allow_ops;
  bool isolate = false;
  double timeout = 0;
  int models = 1;
  bool map_files = false;
  std::uint64_t memory_bytes = 0;
};

struct ferry_session {
  ferry::Runner runner;
};

struct ferry_text {
  std::string text;
};

struct ferry_outputs {
  explicit ferry_outputs(ferry::NamedTensors named) : tensors(std::move(named)), views(ferry::views_of(tensors)) {}
  ferry::NamedTensors tensors;
  std::vector<ferry_tensor_view> views;
};

namespace ferry::c_api {

// Copies of what the caller lends. Throws Error(bad_input) for a view that cannot be read or has no name; what the contract says
// is checked later.
[[nodiscard]] ferry::NamedTensors copies_of(std::span<const ferry_tensor_view> views);

// The session that is asked for, with what the bundle's handle allows.
inline SessionOptions options_of(const ferry_bundle& bundle, const std::string& engine, const char* device, int32_t threads) {
  return {.engine = engine,
          .device = device,
          .threads = threads,
          .allow_native = bundle.allow_native,
          .allow_ops = bundle.allow_ops,
          .isolate = bundle.isolate,
          .timeout = bundle.timeout,
          .memory_bytes = bundle.memory_bytes,
          .models = bundle.models,
          .map_files = bundle.map_files};
}

}  // namespace ferry::c_api

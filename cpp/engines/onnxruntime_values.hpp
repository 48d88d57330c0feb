// ONNX Runtime's objects as owned values, and tensors at the border: the host's memory as inputs, a model's outputs as views.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/engine.hpp"
#include "onnxruntime_library.hpp"

namespace ferry::onnx {

// Throws Refusal with `code` and the message's first line where ONNX Runtime gives an error. `task`: what was tried.
void require(OrtStatus* status, std::int32_t code, std::string_view task);

template <typename T, void (*OrtApi::*Release)(T*)>
struct Releaser {
  void operator()(T* object) const { (api().*Release)(object); }
};
using Environment = std::unique_ptr<OrtEnv, Releaser<OrtEnv, &OrtApi::ReleaseEnv>>;
using Options = std::unique_ptr<OrtSessionOptions, Releaser<OrtSessionOptions, &OrtApi::ReleaseSessionOptions>>;
using Session = std::unique_ptr<OrtSession, Releaser<OrtSession, &OrtApi::ReleaseSession>>;
using Memory = std::unique_ptr<OrtMemoryInfo, Releaser<OrtMemoryInfo, &OrtApi::ReleaseMemoryInfo>>;
using Value = std::unique_ptr<OrtValue, Releaser<OrtValue, &OrtApi::ReleaseValue>>;
using Type = std::unique_ptr<OrtTypeInfo, Releaser<OrtTypeInfo, &OrtApi::ReleaseTypeInfo>>;
using Description =
    std::unique_ptr<OrtTensorTypeAndShapeInfo, Releaser<OrtTensorTypeAndShapeInfo, &OrtApi::ReleaseTensorTypeAndShapeInfo>>;

inline constexpr auto broken = "the model does not describe itself";

// A tensor's dtype, -1 where no contract can name it, and its dims, of which free ones are -1.
struct Shape {
  std::int32_t dtype = -1;
  std::vector<std::int64_t> dims;
};
[[nodiscard]] Shape read_shape(const OrtTensorTypeAndShapeInfo* info);

// The caller's memory as a tensor, without a copy. Throws Refusal.
[[nodiscard]] Value borrow(const ferry_tensor_view& view, const OrtMemoryInfo* memory);

// The outputs of one call, in the contract's order, as views that live as long as this. Throws Refusal: FERRY_MISMATCH for what
// no contract can hold.
class Outputs {
 public:
  explicit Outputs(std::vector<Value> values);
  [[nodiscard]] const engines::Views& views() const { return views_; }

 private:
  void add(OrtValue* value);

  std::vector<Value> values_;
  engines::Views views_;
};

}  // namespace ferry::onnx

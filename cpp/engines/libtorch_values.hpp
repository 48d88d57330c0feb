// Values at the border of the engines that stand on LibTorch: the host's memory as tensors, a model's result as views.
#pragma once

#include <ATen/ATen.h>
#include <ATen/core/ivalue.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "ferry/engine.hpp"

namespace ferry::libtorch {

using engines::Refusal;

inline constexpr engines::Dtypes<at::ScalarType> dtypes(at::kBool, at::kByte, at::kChar, at::kShort, at::kInt, at::kLong,
                                                        at::kFloat, at::kDouble, at::kHalf, at::kBFloat16);

// The caller's memory as a tensor, without a copy on `cpu`.
inline at::Tensor borrow(const ferry_tensor_view& view, at::Device device) {
  const auto options = at::TensorOptions().dtype(dtypes.to_runtime(view.dtype));
  // Inputs that the model writes into are cloned by the caller of this function.
  const auto dims = engines::dims_of(view);
  const auto tensor = at::from_blob(engines::borrowed(view), at::IntArrayRef(dims.data(), dims.size()), options);
  return device.is_cpu() ? tensor : tensor.to(device);
}

// Contiguous and in host memory, without a trip through LibTorch's dispatcher where it already is.
inline at::Tensor to_host(const at::Tensor& tensor) {
  if (tensor.is_cpu() && tensor.is_contiguous()) return tensor;
  return tensor.to(at::kCPU).contiguous();
}

inline bool is_sequence(const c10::IValue& value) { return value.isTuple() || value.isList(); }

inline c10::ArrayRef<c10::IValue> elements_of(const c10::IValue& sequence) {
  return sequence.isTuple() ? sequence.toTupleRef().elements().asArrayRef() : sequence.toListRef();
}

// A tensor on the host as a view; the name is null for an output that has none. Throws Refusal(FERRY_MISMATCH).
inline ferry_tensor_view view_of(const char* name, const at::Tensor& tensor) {
  const auto dtype = dtypes.from_runtime(tensor.scalar_type());
  if (dtype < 0)
    throw Refusal{FERRY_MISMATCH, std::string("the model gives an output of dtype ") + c10::toString(tensor.scalar_type()) +
                                      ", which no contract can hold; cast it inside the model and export again"};
  return {.name = name,
          .dtype = dtype,
          .rank = static_cast<std::int32_t>(tensor.dim()),
          .shape = tensor.sizes().data(),
          .data = tensor.const_data_ptr(),
          .bytes = tensor.nbytes()};
}

// The outputs of one call as views: by name for a dict, else in contract order. Their shapes stay LibTorch's: nothing is copied.
class Outputs {
 public:
  explicit Outputs(const c10::IValue& value) {
    if (value.isTensor()) {
      add(nullptr, value);
    } else if (is_sequence(value)) {
      const auto elements = elements_of(value);
      reserve(elements.size());
      for (const auto& element : elements) add(nullptr, element);
    } else if (value.isGenericDict()) {
      const auto dict = value.toGenericDict();
      reserve(dict.size());
      for (const auto& item : dict) add(item.key().isString() ? item.key().toStringRef().c_str() : nullptr, item.value());
    } else {
      throw Refusal{FERRY_MISMATCH,
                    "the model gives a " + value.tagKind() +
                        ", expected a tensor, or a tuple, list or dict of tensors; change its forward and export again"};
    }
  }

  [[nodiscard]] const std::vector<ferry_tensor_view>& views() const { return views_; }

 private:
  void reserve(std::size_t count) {
    tensors_.reserve(count);
    views_.reserve(count);
  }

  void add(const char* name, const c10::IValue& value) {
    if (!value.isTensor())
      throw Refusal{FERRY_MISMATCH, "the model gives a " + value.tagKind() + " among its outputs, expected tensors only"};
    views_.push_back(view_of(name, tensors_.emplace_back(to_host(value.toTensor()))));
  }

  std::vector<at::Tensor> tensors_;
  std::vector<ferry_tensor_view> views_;
};

}  // namespace ferry::libtorch

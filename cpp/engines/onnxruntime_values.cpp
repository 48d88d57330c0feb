#include "onnxruntime_values.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "refusal.hpp"

namespace ferry::onnx {

namespace {

using engines::Refusal;

constexpr std::array element_types = {ElementType::boolean, ElementType::uint8, ElementType::int8,    ElementType::int16,
                                      ElementType::int32,   ElementType::int64, ElementType::float32, ElementType::float64};
constexpr std::array<std::size_t, element_types.size()> element_sizes = {1, 1, 1, 2, 4, 8, 4, 8};  // both by FERRY_BOOL ...

std::string first_line(const char* text) { return {text, std::strcspn(text, "\n")}; }

}  // namespace

void require(OrtStatus* status, std::int32_t code, std::string_view task) {
  if (status == nullptr) return;
  auto text = std::string(task) + ": " + first_line(api().GetErrorMessage(status));
  api().ReleaseStatus(status);
  throw Refusal{code, std::move(text)};
}

Shape read_shape(const OrtTensorTypeAndShapeInfo* info) {
  auto type = ElementType::undefined;
  std::size_t rank = 0;
  require(api().GetTensorElementType(info, &type), FERRY_FORMAT, broken);
  require(api().GetDimensionsCount(info, &rank), FERRY_FORMAT, broken);
  Shape shape{-1, std::vector<std::int64_t>(rank)};
  require(api().GetDimensions(info, shape.dims.data(), rank), FERRY_FORMAT, broken);
  const auto* found = std::find(element_types.begin(), element_types.end(), type);
  if (found != element_types.end()) shape.dtype = static_cast<std::int32_t>(found - element_types.begin());
  return shape;
}

Value borrow(const ferry_tensor_view& view, const OrtMemoryInfo* memory) {
  OrtValue* value = nullptr;
  static std::int64_t none = 0;
  // The API has no tensor of const memory; it is not written to.
  void* data = view.data == nullptr ? &none : const_cast<void*>(view.data);  // NOLINT(cppcoreguidelines-pro-type-const-cast)
  require(api().CreateTensorWithDataAsOrtValue(memory, data, view.bytes, view.shape, static_cast<std::size_t>(view.rank),
                                               element_types.at(static_cast<std::size_t>(view.dtype)), &value),
          FERRY_INTERNAL, "an input could not be passed");
  return Value(value);
}

Outputs::Outputs(std::vector<Value> values, const std::vector<std::string>& names) : values_(std::move(values)) {
  shapes_.reserve(values_.size());
  views_.reserve(values_.size());
  for (std::size_t i = 0; i < values_.size(); ++i) add(values_[i].get(), names[i]);
}

void Outputs::add(OrtValue* value, const std::string& name) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  require(api().GetTensorTypeAndShape(value, &info), FERRY_MISMATCH, "an output is no tensor");
  const Description owned(info);
  const auto& shape = shapes_.emplace_back(read_shape(info));
  if (shape.dtype < 0)
    throw Refusal{FERRY_MISMATCH,
                  "output " + name + ": got a dtype that no contract can hold; cast it inside the model and export again"};
  void* data = nullptr;
  require(api().GetTensorMutableData(value, &data), FERRY_INTERNAL, "an output has no data");
  std::size_t bytes = element_sizes.at(static_cast<std::size_t>(shape.dtype));
  for (const auto dim : shape.dims) bytes *= static_cast<std::size_t>(dim);
  views_.push_back({.name = name.c_str(),
                    .dtype = shape.dtype,
                    .rank = static_cast<std::int32_t>(shape.dims.size()),
                    .shape = shape.dims.data(),
                    .data = data,
                    .bytes = bytes});
}

}  // namespace ferry::onnx

#include "onnxruntime_values.hpp"

#include <cstdint>
#include <cstring>
#include <new>
#include <utility>

namespace ferry::onnx {

namespace {

using engines::Refusal;

constexpr engines::Dtypes<ElementType> dtypes(ElementType::boolean, ElementType::uint8, ElementType::int8, ElementType::int16,
                                              ElementType::int32, ElementType::int64, ElementType::float32, ElementType::float64,
                                              ElementType::float16, ElementType::bfloat16);

std::string first_line(const char* text) { return {text, std::strcspn(text, "\n")}; }

}  // namespace

void require(OrtStatus* status, std::int32_t code, std::string_view task) {
  if (status == nullptr) return;
  auto text = std::string(task) + ": " + first_line(api().GetErrorMessage(status));
  api().ReleaseStatus(status);
  if (text.ends_with("std::bad_alloc")) throw std::bad_alloc();  // it says no more of it
  throw Refusal{code, std::move(text)};
}

Shape read_shape(const OrtTensorTypeAndShapeInfo* info) {
  auto type = ElementType::undefined;
  std::size_t rank = 0;
  require(api().GetTensorElementType(info, &type), FERRY_FORMAT, broken);
  require(api().GetDimensionsCount(info, &rank), FERRY_FORMAT, broken);
  Shape shape{dtypes.from_runtime(type), std::vector<std::int64_t>(rank)};
  require(api().GetDimensions(info, shape.dims.data(), rank), FERRY_FORMAT, broken);
  return shape;
}

Value borrow(const ferry_tensor_view& view, const OrtMemoryInfo* memory) {
  OrtValue* value = nullptr;
  require(api().CreateTensorWithDataAsOrtValue(memory, engines::borrowed(view), view.bytes, view.shape,
                                               static_cast<std::size_t>(view.rank), dtypes.to_runtime(view.dtype), &value),
          FERRY_INTERNAL, "an input could not be passed");
  return Value(value);
}

Outputs::Outputs(std::vector<Value> values) : values_(std::move(values)), views_(values_.size()) {
  for (const auto& value : values_) add(value.get());
}

void Outputs::add(OrtValue* value) {
  OrtTensorTypeAndShapeInfo* info = nullptr;
  require(api().GetTensorTypeAndShape(value, &info), FERRY_MISMATCH, "an output is no tensor");
  const Description owned(info);
  auto shape = read_shape(info);
  void* data = nullptr;
  require(api().GetTensorMutableData(value, &data), FERRY_INTERNAL, "an output has no data");
  views_.add(nullptr, shape.dtype, std::move(shape.dims), data);
}

}  // namespace ferry::onnx

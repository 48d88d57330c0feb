// The elements of a tensor by their type.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ferry/ferry.hpp"

namespace ferry::cli {

// Numbers of 16 bits as float32, which has their values.
template <typename Half>
[[nodiscard]] std::vector<float> widened(std::span<const Half> elements) {
  std::vector<float> values;
  values.reserve(elements.size());
  for (const Half element : elements) values.push_back(static_cast<float>(element));
  return values;
}

// Calls `visitor` with the tensor's elements, as a span of the type that its dtype names.
template <typename Visitor>
void visit_elements(const Tensor& tensor, const Visitor& visitor) {
  switch (tensor.dtype()) {
    case DType::boolean:
      return visitor(tensor.as<bool>());
    case DType::uint8:
      return visitor(tensor.as<std::uint8_t>());
    case DType::int8:
      return visitor(tensor.as<std::int8_t>());
    case DType::int16:
      return visitor(tensor.as<std::int16_t>());
    case DType::int32:
      return visitor(tensor.as<std::int32_t>());
    case DType::int64:
      return visitor(tensor.as<std::int64_t>());
    case DType::float32:
      return visitor(tensor.as<float>());
    case DType::float64:
      return visitor(tensor.as<double>());
    case DType::float16:
      return visitor(tensor.as<Float16>());
    case DType::bfloat16:
      return visitor(tensor.as<BFloat16>());
  }
}

}  // namespace ferry::cli

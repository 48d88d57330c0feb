#include <ferry/ferry.hpp>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <new>
#include <vector>

#include "dtype.hpp"
#include "memory.hpp"
#include "shape.hpp"

namespace ferry {

namespace {

std::size_t require_bytes(DType dtype, const Shape& shape) {
  if (size_of(dtype) == 0) {
    throw Error(ErrorCode::bad_input,
                "dtype: got the number " + std::to_string(static_cast<std::int32_t>(dtype)) + ", expected one of ferry::DType");
  }
  static_cast<void>(element_count(shape));  // names a negative dim
  if (const auto bytes = byte_count(dtype, shape)) return *bytes;
  throw Error(ErrorCode::bad_input, "shape: got " + to_string(shape) + ", expected one that fits in memory");
}

template <typename T>
std::vector<double> widen(const Tensor& tensor) {
  std::vector<double> values;
  values.reserve(tensor.size());
  for (const T value : tensor.as<T>()) values.push_back(static_cast<double>(value));
  return values;
}

}  // namespace

std::string_view version() noexcept { return FERRY_VERSION; }

std::string_view to_string(DType dtype) noexcept {
  switch (dtype) {
    case DType::boolean:
      return "bool";
    case DType::uint8:
      return "uint8";
    case DType::int8:
      return "int8";
    case DType::int16:
      return "int16";
    case DType::int32:
      return "int32";
    case DType::int64:
      return "int64";
    case DType::float32:
      return "float32";
    case DType::float64:
      return "float64";
    case DType::float16:
      return "float16";
    case DType::bfloat16:
      return "bfloat16";
  }
  return "unknown dtype";
}

std::size_t size_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::boolean:
    case DType::uint8:
    case DType::int8:
      return 1;
    case DType::int16:
    case DType::float16:
    case DType::bfloat16:
      return 2;
    case DType::int32:
    case DType::float32:
      return 4;
    case DType::int64:
    case DType::float64:
      return 8;
  }
  return 0;
}

std::string to_string(const Shape& shape) {
  std::string text = "[";
  for (const std::int64_t dim : shape) {
    if (text.size() > 1) text += ',';
    text += std::to_string(dim);
  }
  return text + "]";
}

std::size_t element_count(std::span<const std::int64_t> shape) {
  bool empty = false;
  std::size_t count = 1;
  bool overflow = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) throw Error(ErrorCode::bad_input, "shape: got a dim of " + std::to_string(dim) + ", expected 0 or more");
    const auto factor = static_cast<std::size_t>(dim);
    empty = empty || factor == 0;
    overflow = overflow || (factor != 0 && count > std::numeric_limits<std::size_t>::max() / factor);
    count *= factor;
  }
  if (empty) return 0;
  if (overflow)
    throw Error(ErrorCode::bad_input,
                "shape: got " + to_string(Shape(shape.begin(), shape.end())) + ", expected a product below 2^64");
  return count;
}

std::optional<std::size_t> byte_count(DType dtype, std::span<const std::int64_t> shape) noexcept {
  auto bytes = static_cast<std::int64_t>(size_of(dtype));
  if (bytes == 0) return std::nullopt;
  bool is_empty = false;
  bool is_too_large = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    is_empty |= dim == 0;
    is_too_large |= __builtin_mul_overflow(bytes, dim, &bytes);
  }
  if (is_empty) return 0;
  return is_too_large ? std::nullopt : std::optional(static_cast<std::size_t>(bytes));
}

Tensor::Tensor(DType dtype, Shape shape) try : dtype_(dtype), shape_(std::move(shape)), data_(require_bytes(dtype_, shape_)) {
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

Tensor Tensor::copy(DType dtype, Shape shape, std::span<const std::byte> bytes) try {
  const std::size_t expected = require_bytes(dtype, shape);
  if (bytes.size() != expected) {
    throw Error(ErrorCode::bad_input, "tensor: got " + std::to_string(bytes.size()) + " bytes, expected " +
                                          std::to_string(expected) + " for " + std::string(to_string(dtype)) + to_string(shape));
  }
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.data_.assign(bytes.begin(), bytes.end());
  return tensor;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

void Tensor::require_dtype(DType wanted) const {
  if (dtype_ == wanted) return;
  throw Error(ErrorCode::bad_input, "tensor: dtype: got " + std::string(to_string(wanted)) + ", expected " +
                                        std::string(to_string(dtype_)) + "; use as<> with the tensor's dtype");
}

const Tensor* NamedTensors::find(std::string_view name) const noexcept {
  for (const Item& item : items_) {
    if (item.first == name) return &item.second;
  }
  return nullptr;
}

const Tensor& NamedTensors::operator[](std::string_view name) const {
  if (const Tensor* found = find(name)) return *found;
  std::string names;
  for (const Item& item : items_) names += (names.empty() ? "" : ", ") + item.first;
  throw Error(ErrorCode::bad_input, "tensors: got the name " + std::string(name) + ", expected one of: " + names);
}

std::vector<double> float_values(const Tensor& tensor) {
  switch (tensor.dtype()) {
    case DType::float32:
      return widen<float>(tensor);
    case DType::float64:
      return widen<double>(tensor);
    case DType::float16:
      return widen<Float16>(tensor);
    case DType::bfloat16:
      return widen<BFloat16>(tensor);
    case DType::boolean:
    case DType::uint8:
    case DType::int8:
    case DType::int16:
    case DType::int32:
    case DType::int64:
      return {};
  }
  return {};
}

}  // namespace ferry

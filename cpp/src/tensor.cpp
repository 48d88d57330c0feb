#include <ferry/ferry.hpp>

#include <array>
#include <limits>

namespace ferry {

namespace {

struct DTypeInfo {
  std::string_view name;
  std::size_t size;
};
// In the order of DType.
constexpr std::array<DTypeInfo, 8> dtypes = {
    {{"bool", 1}, {"uint8", 1}, {"int8", 1}, {"int16", 2}, {"int32", 4}, {"int64", 8}, {"float32", 4}, {"float64", 8}}};

std::size_t byte_count(DType dtype, std::span<const std::int64_t> shape) {
  const std::size_t count = element_count(shape);
  if (count > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / size_of(dtype)) {
    throw Error(ErrorCode::bad_input,
                "shape: got " + to_string(Shape(shape.begin(), shape.end())) + ", expected one that fits in memory");
  }
  return count * size_of(dtype);
}

}  // namespace

std::string_view version() noexcept { return FERRY_VERSION; }

std::string_view to_string(DType dtype) noexcept { return dtypes[static_cast<std::size_t>(dtype)].name; }

std::size_t size_of(DType dtype) noexcept { return dtypes[static_cast<std::size_t>(dtype)].size; }

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

Tensor::Tensor(DType dtype, Shape shape) : dtype_(dtype), shape_(std::move(shape)), data_(byte_count(dtype_, shape_)) {}

Tensor Tensor::copy(DType dtype, Shape shape, std::span<const std::byte> bytes) {
  const std::size_t expected = byte_count(dtype, shape);
  if (bytes.size() != expected) {
    throw Error(ErrorCode::bad_input, "tensor: got " + std::to_string(bytes.size()) + " bytes, expected " +
                                          std::to_string(expected) + " for " + std::string(to_string(dtype)) + to_string(shape));
  }
  Tensor tensor;
  tensor.dtype_ = dtype;
  tensor.shape_ = std::move(shape);
  tensor.data_.assign(bytes.begin(), bytes.end());
  return tensor;
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

}  // namespace ferry

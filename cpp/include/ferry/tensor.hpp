// Errors, element types and tensors of the C++ API. Standard library only.
#pragma once

#if (defined(_MSVC_LANG) ? _MSVC_LANG : __cplusplus) < 201709L
#error "ferry.hpp needs C++20: pass -std=c++20 (/std:c++20), or include ferry/ferry.h, which is C and works in every C++"
#endif

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <ferry/export.h>
#include <ferry/half.hpp>

namespace ferry {

// ---- errors ---------------------------------------------------------------------------------------------------------

enum class ErrorCode : int {
  mismatch = 1,     // a comparison failed
  usage = 2,        // command line
  format = 3,       // manifest or file format
  integrity = 4,    // size, SHA-256, missing or unlisted file
  unavailable = 5,  // engine or device not here
  io = 6,           // files, memory, disk
  bad_input = 7,    // the user's tensors or data files
  internal = 9,
};

class FERRY_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

// ---- tensors --------------------------------------------------------------------------------------------------------

enum class DType : std::int32_t {
  boolean = 0,
  uint8 = 1,
  int8 = 2,
  int16 = 3,
  int32 = 4,
  int64 = 5,
  float32 = 6,
  float64 = 7,
  float16 = 8,  // Float16, BFloat16: 16 bits each, which half.hpp converts
  bfloat16 = 9,
};

[[nodiscard]] FERRY_API std::string_view to_string(DType dtype) noexcept;  // "float32", "bool"
[[nodiscard]] FERRY_API std::size_t size_of(DType dtype) noexcept;  // bytes of one element; 0 for a number that is no DType

template <typename T>
[[nodiscard]] consteval DType dtype_of() {
  if constexpr (std::is_same_v<T, bool>)
    return DType::boolean;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return DType::uint8;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return DType::int8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return DType::int16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return DType::int32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return DType::int64;
  else if constexpr (std::is_same_v<T, float>)
    return DType::float32;
  else if constexpr (std::is_same_v<T, Float16>)
    return DType::float16;
  else if constexpr (std::is_same_v<T, BFloat16>)
    return DType::bfloat16;
  else {
    static_assert(std::is_same_v<T, double>, "not an element type of ferry::DType");
    return DType::float64;
  }
}

using Shape = std::vector<std::int64_t>;

[[nodiscard]] FERRY_API std::string to_string(const Shape& shape);  // "[64,10]"
// Product of the dims. Throws Error(bad_input) on a negative dim or overflow.
[[nodiscard]] FERRY_API std::size_t element_count(std::span<const std::int64_t> shape);

// An owned, contiguous, C-order tensor in host memory.
class FERRY_API Tensor {
 public:
  Tensor() = default;
  // Zeros. Throws Error(bad_input) where the shape is negative or overflows.
  Tensor(DType dtype, Shape shape);

  // A copy of `values`, whose size must be the product of `shape`.
  template <typename T>
  [[nodiscard]] static Tensor from(Shape shape, std::span<const T> values) {
    return copy(dtype_of<T>(), std::move(shape), std::as_bytes(values));
  }
  template <typename T>
  [[nodiscard]] static Tensor from(Shape shape, const std::vector<T>& values) {
    return from<T>(std::move(shape), std::span<const T>(values));
  }
  template <typename T>
  [[nodiscard]] static Tensor from(Shape shape, std::initializer_list<T> values) {
    return from<T>(std::move(shape), std::span<const T>(values.begin(), values.size()));
  }
  [[nodiscard]] static Tensor copy(DType dtype, Shape shape, std::span<const std::byte> bytes);

  [[nodiscard]] DType dtype() const noexcept { return dtype_; }
  [[nodiscard]] const Shape& shape() const noexcept { return shape_; }
  [[nodiscard]] std::size_t size() const noexcept { return data_.size() / size_of(dtype_); }  // elements
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return data_; }
  [[nodiscard]] std::span<std::byte> bytes() noexcept { return data_; }

  // The elements. Throws Error(bad_input) where T is not the tensor's dtype.
  template <typename T>
  [[nodiscard]] std::span<const T> as() const {
    require_dtype(dtype_of<T>());
    return {reinterpret_cast<const T*>(data_.data()), size()};
  }
  template <typename T>
  [[nodiscard]] std::span<T> as() {
    require_dtype(dtype_of<T>());
    return {reinterpret_cast<T*>(data_.data()), size()};
  }

 private:
  void require_dtype(DType wanted) const;

  DType dtype_ = DType::float32;
  Shape shape_ = {0};
  std::vector<std::byte> data_;
};

// A tensor in memory of the caller, contiguous and in C order, that a call reads. It lives as long as what it refers to.
struct TensorView {
  const char* name = nullptr;
  DType dtype = DType::float32;
  std::span<const std::int64_t> shape = {};
  std::span<const std::byte> bytes = {};

  template <typename T>
  [[nodiscard]] static TensorView of(const char* name, std::span<const std::int64_t> shape, std::span<const T> values) {
    return {name, dtype_of<T>(), shape, std::as_bytes(values)};
  }
};

// Memory of the caller that a call writes an output into.
struct TensorBuffer {
  const char* name = nullptr;
  DType dtype = DType::float32;
  std::span<const std::int64_t> shape = {};
  std::span<std::byte> bytes = {};

  template <typename T>
  [[nodiscard]] static TensorBuffer of(const char* name, std::span<const std::int64_t> shape, std::span<T> values) {
    return {name, dtype_of<T>(), shape, std::as_writable_bytes(values)};
  }
};

// Tensors by name, in a fixed order (the contract's, for outputs).
class FERRY_API NamedTensors {
 public:
  using Item = std::pair<std::string, Tensor>;
  NamedTensors() = default;
  NamedTensors(std::initializer_list<Item> items) : items_(items) {}

  void add(std::string name, Tensor tensor) { items_.emplace_back(std::move(name), std::move(tensor)); }
  void reserve(std::size_t count) { items_.reserve(count); }
  [[nodiscard]] const Tensor* find(std::string_view name) const noexcept;
  // Throws Error(bad_input) that lists the names there are.
  [[nodiscard]] const Tensor& operator[](std::string_view name) const;
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] auto begin() const noexcept { return items_.begin(); }
  [[nodiscard]] auto end() const noexcept { return items_.end(); }

 private:
  std::vector<Item> items_;
};

}  // namespace ferry

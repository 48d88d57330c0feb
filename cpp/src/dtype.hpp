// The dtypes of a contract: a closed set (FORMAT.md section 3). The Python twin is python/torchferry/bundle/dtype.py.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <optional>
#include <string_view>
#include <vector>

namespace ferry {

// How values of a dtype are compared, read and written.
enum class Family { boolean, integer, floating };

[[nodiscard]] constexpr Family family_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::boolean:
      return Family::boolean;
    case DType::uint8:
    case DType::int8:
    case DType::int16:
    case DType::int32:
    case DType::int64:
      return Family::integer;
    case DType::float32:
    case DType::float64:
    case DType::float16:
    case DType::bfloat16:
      return Family::floating;
  }
  return Family::boolean;
}

[[nodiscard]] constexpr bool is_float(DType dtype) noexcept { return family_of(dtype) == Family::floating; }
[[nodiscard]] constexpr bool is_integer(DType dtype) noexcept { return family_of(dtype) == Family::integer; }

// The dtype after that one in the order of the enumeration; empty after the last.
[[nodiscard]] constexpr std::optional<DType> next_dtype(DType dtype) noexcept {
  switch (dtype) {
    case DType::boolean:
      return DType::uint8;
    case DType::uint8:
      return DType::int8;
    case DType::int8:
      return DType::int16;
    case DType::int16:
      return DType::int32;
    case DType::int32:
      return DType::int64;
    case DType::int64:
      return DType::float32;
    case DType::float32:
      return DType::float64;
    case DType::float64:
      return DType::float16;
    case DType::float16:
      return DType::bfloat16;
    case DType::bfloat16:
      return std::nullopt;
  }
  return std::nullopt;
}

// The dtype for which `matches(dtype)` is true.
template <typename Predicate>
[[nodiscard]] std::optional<DType> find_dtype(Predicate matches) {
  for (std::optional<DType> dtype = DType::boolean; dtype; dtype = next_dtype(*dtype))
    if (matches(*dtype)) return dtype;
  return std::nullopt;
}

// A number of the C ABI as a dtype; empty where it is none.
[[nodiscard]] inline std::optional<DType> find_dtype(std::int32_t number) noexcept {
  const auto dtype = static_cast<DType>(number);
  return size_of(dtype) == 0 ? std::nullopt : std::optional(dtype);
}

// The values of a float tensor; none of another dtype.
[[nodiscard]] std::vector<double> float_values(const Tensor& tensor);

}  // namespace ferry

// Index arithmetic of C-order arrays.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <optional>
#include <span>

namespace ferry {

// The index of element `flat` of a C-order array of that shape, which has no dim of 0.
[[nodiscard]] inline Shape index_of(std::size_t flat, std::span<const std::int64_t> shape) {
  Shape index(shape.size());
  for (std::size_t axis = shape.size(); axis-- > 0;) {
    const auto dim = static_cast<std::size_t>(shape[axis]);
    index[axis] = static_cast<std::int64_t>(flat % dim);
    flat /= dim;
  }
  return index;
}

// Bytes of a tensor; empty where a dim is negative, the dtype none, or they are 2^63 or more.
[[nodiscard]] std::optional<std::size_t> byte_count(DType dtype, std::span<const std::int64_t> shape) noexcept;

}  // namespace ferry

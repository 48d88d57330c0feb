// A whole file as one span. cpp/posix/mapping.hpp is its twin.
//
// It is read into memory: a view of a file would keep others from replacing it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "descriptor.hpp"

namespace ferry::system {

class Mapping {
 public:
  Mapping(int descriptor, std::uint64_t bytes) : bytes_(bytes) {
    std::size_t filled = 0;
    while (filled < bytes_.size()) {
      const auto got = read_at(descriptor, bytes_.data() + filled, bytes_.size() - filled, filled);
      if (got <= 0) break;
      filled += static_cast<std::size_t>(got);
    }
    is_there_ = filled == bytes_.size();
  }

  // False where it failed: errno says why.
  [[nodiscard]] bool is_there() const noexcept { return is_there_; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
  bool is_there_ = false;
};

}  // namespace ferry::system

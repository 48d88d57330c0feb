// A whole file, mapped for reading. cpp/windows/mapping.hpp is its twin.
#pragma once

#include <sys/mman.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace ferry::system {

class Mapping {
 public:
  Mapping(int descriptor, std::uint64_t bytes)
      : size_(static_cast<std::size_t>(bytes)),
        address_(size_ == bytes ? ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, descriptor, 0) : MAP_FAILED) {}
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (is_there()) ::munmap(address_, size_);
  }

  // False where it failed: errno says why.
  [[nodiscard]] bool is_there() const noexcept { return address_ != MAP_FAILED; }
  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  std::size_t size_;
  void* address_;
};

}  // namespace ferry::system

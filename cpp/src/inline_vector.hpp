// A vector whose first elements lie in itself: what a call needs a few of, without asking for memory.
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace ferry {

// Up to `Inline` elements take no memory; more lie in a std::vector, all of them.
template <typename T, std::size_t Inline>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  InlineVector() = default;  // NOLINT(cppcoreguidelines-pro-type-member-init)
  InlineVector(std::size_t count, const T& value) {
    for (std::size_t i = 0; i < count; ++i) push_back(value);
  }

  void push_back(const T& value) {
    if (size_ < Inline) {
      here_[size_++] = value;
      return;
    }
    if (size_ == Inline) many_.assign(here_.begin(), here_.end());
    many_.push_back(value);
    ++size_;
  }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const T* data() const noexcept { return size_ <= Inline ? here_.data() : many_.data(); }
  [[nodiscard]] T& operator[](std::size_t index) noexcept { return size_ <= Inline ? here_[index] : many_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return data()[index]; }
  [[nodiscard]] const T* begin() const noexcept { return data(); }
  [[nodiscard]] const T* end() const noexcept { return data() + size_; }

 private:
  std::array<T, Inline> here_;  // NOLINT(cppcoreguidelines-pro-type-member-init): only the first size_ are read
  std::vector<T> many_;
  std::size_t size_ = 0;
};

}  // namespace ferry

// A vector whose first elements lie in itself: what a call needs a few of, without asking for memory.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <type_traits>

namespace ferry {

// Up to `Inline` elements take no memory; more lie elsewhere, all of them. As many as it is made with, and not initialized: a
// call writes each.
template <typename T, std::size_t Inline>
class InlineVector {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  explicit InlineVector(std::size_t count) : many_(count <= Inline ? nullptr : new T[count]), size_(count) {}
  InlineVector(std::size_t count, const T& value) : InlineVector(count) {
    if (many_ == nullptr)
      here_.fill(value);  // all of them: a loop of known length
    else
      std::fill_n(data_, count, value);
  }
  InlineVector(const InlineVector& other) : InlineVector(other.size_) { std::copy_n(other.data_, size_, data_); }
  InlineVector& operator=(const InlineVector&) = delete;
  ~InlineVector() = default;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T* data() noexcept { return data_; }
  [[nodiscard]] const T* data() const noexcept { return data_; }
  [[nodiscard]] T& operator[](std::size_t index) noexcept { return data_[index]; }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept { return data_[index]; }
  [[nodiscard]] const T* begin() const noexcept { return data_; }
  [[nodiscard]] const T* end() const noexcept { return data_ + size_; }

 private:
  std::array<T, Inline> here_;  // NOLINT(cppcoreguidelines-pro-type-member-init): only the first size_ are read
  std::unique_ptr<T[]> many_;   // NOLINT(*-avoid-c-arrays)
  T* data_ = many_ == nullptr ? here_.data() : many_.get();
  std::size_t size_;
};

}  // namespace ferry

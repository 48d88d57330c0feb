// The elements of a sample, and what a table calls them (FORMAT.md section 10). The Python twin is
// python/torchferry/samples/columns.py.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ferry/ferry.hpp"

namespace ferry::cli {

// The elements of one sample of some inputs, in contract order and C order: how many there are, and their names.
class Elements {
 public:
  struct Part {
    TensorSpec spec;
    Shape sample;  // the numbers that follow the batch
    std::size_t count;
  };

  explicit Elements(std::span<const TensorSpec> specs);

  [[nodiscard]] const std::vector<Part>& parts() const noexcept { return parts_; }
  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  // The place of the element of that name: `x[1][2]`, or `x` where x has one element a sample.
  [[nodiscard]] std::optional<std::size_t> place_of(std::string_view name) const;
  [[nodiscard]] std::string name_of(std::size_t place) const;
  // The names of all, for messages: `x[0] to x[3], y`.
  [[nodiscard]] std::string described() const;

 private:
  std::vector<Part> parts_;
  std::size_t count_ = 0;
};

// Can a row be a sample: is the shape the batch and numbers?
[[nodiscard]] bool fills_rows(const TensorSpec& spec);

}  // namespace ferry::cli

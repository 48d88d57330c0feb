// Which columns of a table are the elements of the inputs, and whether its first line names them (FORMAT.md section 10).
// The Python twin is python/torchferry/samples/columns.py.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "csv_delimiter.hpp"
#include "ferry/ferry.hpp"
#include "verbs.hpp"

namespace ferry::cli {

// A first line that does not say which column is which.
class ColumnError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

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

enum class HeaderKind { none, names, places };

// What each row has: `cells` in all, the elements at `taken`, the identity at `id`.
struct Columns {
  std::size_t cells = 0;
  std::vector<std::size_t> taken;
  std::optional<std::size_t> id;
  HeaderKind header = HeaderKind::none;

  [[nodiscard]] std::size_t ignored() const noexcept { return cells - taken.size() - (id ? 1 : 0); }
};

// Can a row be a sample: is the shape the batch and numbers?
[[nodiscard]] bool fills_rows(const TensorSpec& spec);

// Every cell of a row is an element, in order.
[[nodiscard]] Columns plain_columns(const Elements& elements);

// Decides by the first line's cells `names` and the rows that follow it. Throws ColumnError.
[[nodiscard]] Columns find_columns(const Cells& names, std::span<const Cells> following, const Elements& elements,
                                   const TableOptions& options);

}  // namespace ferry::cli

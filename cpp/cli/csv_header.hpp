// Whether the first line of a table is a header, where neither an option nor a name of the contract says so (FORMAT.md section
// 10). The Python twin is python/torchferry/samples/columns.py.
#pragma once

#include <cstddef>
#include <span>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "csv_delimiter.hpp"
#include "csv_elements.hpp"

namespace ferry::cli {

// A first line that does not say which column is which.
class ColumnError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Is a cell a number, or does it say that there is none?
[[nodiscard]] bool is_value(std::string_view cell) noexcept;

// Is a line a header that no option calls one, and that names nothing of the contract? `columns` are those that may be elements,
// `following` the rows below. Throws ColumnError where it may be both.
[[nodiscard]] bool is_header(const Cells& names, const std::vector<std::size_t>& columns, std::span<const Cells> following,
                             const Elements& elements, bool has_index);

}  // namespace ferry::cli

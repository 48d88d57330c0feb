// One CSV cell as one element of a tensor (FORMAT.md section 10).
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

#include "ferry/ferry.hpp"

namespace ferry::cli {

// Splits a line at its commas, dropping spaces around a cell and one pair of quotes around it.
void split_cells(std::string_view line, std::vector<std::string_view>& cells);

// Does the cell follow the grammar of numbers, `nan` and `inf` included?
[[nodiscard]] bool is_number(std::string_view cell) noexcept;

// Writes the cell as an element of `dtype`. Floats are parsed as float64 and rounded once. Returns what was expected instead
// where the cell is not such an element, else an empty text.
[[nodiscard]] std::string_view parse_cell(std::string_view cell, DType dtype, std::byte* element) noexcept;

}  // namespace ferry::cli

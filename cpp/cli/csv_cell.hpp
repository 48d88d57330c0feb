// One CSV cell as one element of a tensor (FORMAT.md section 10).
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "ferry/ferry.hpp"

namespace ferry::cli {

// Does the cell follow the grammar of numbers, `nan` and `inf` included?
[[nodiscard]] bool is_number(std::string_view cell) noexcept;

// Is the cell empty or a word that programs write for a value that is not there?
[[nodiscard]] bool is_missing(std::string_view cell) noexcept;

// Is it a word that programs write for true or false?
[[nodiscard]] bool is_answer(std::string_view cell) noexcept;

// Is it a number that is written with a decimal point; and a whole one, as 5.0?
[[nodiscard]] bool has_point(std::string_view cell) noexcept;
[[nodiscard]] bool is_pointed_whole(std::string_view cell) noexcept;

// A cell or a name for a message: in quotes, cut where it is long.
[[nodiscard]] std::string shown(std::string_view text);

// What is wrong with a cell that `parse_cell` refused, and what to do.
[[nodiscard]] std::string cell_problem(std::string_view cell, std::string_view expected);

// Writes the cell as an element of the input's dtype. Floats are parsed as float64 and rounded once. Returns what was expected
// instead where the cell is not such an element, else an empty text.
[[nodiscard]] std::string_view parse_cell(std::string_view cell, const TensorSpec& spec, std::byte* element) noexcept;

}  // namespace ferry::cli

// One CSV cell as one element of a tensor (FORMAT.md section 10).
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
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
[[nodiscard]] std::string parse_cell(std::string_view cell, const TensorSpec& spec, std::byte* element);

// The smallest and the largest integer of an input: those of its dtype and, where it may be an index, of its range.
struct IntegerLimits {
  std::int64_t least;
  std::int64_t most;

  [[nodiscard]] std::string text() const { return "an integer from " + std::to_string(least) + " to " + std::to_string(most); }
};
template <typename T>
[[nodiscard]] IntegerLimits integer_limits(const TensorSpec& spec) noexcept {
  constexpr IntegerLimits all = {std::numeric_limits<T>::min(), std::numeric_limits<T>::max()};
  if (!spec.range || sizeof(T) < sizeof(std::int32_t)) return all;
  const auto [low, high] = *spec.range;
  const auto whole = [&all](double bound) {
    if (bound <= static_cast<double>(all.least)) return all.least;
    return bound >= static_cast<double>(all.most) ? all.most : static_cast<std::int64_t>(bound);
  };
  return {whole(std::ceil(low)), whole(std::floor(high))};
}

}  // namespace ferry::cli

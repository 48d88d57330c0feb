// Where a line of a table is cut into cells, told or sniffed. The Python twin is python/torchferry/samples/delimiter.py.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ferry::cli {

// A quote that RFC 4180 does not have, in the column `column` from 1.
class QuoteError : public std::runtime_error {
 public:
  QuoteError(std::size_t column, const char* problem) : std::runtime_error(problem), column_(column) {}
  [[nodiscard]] std::size_t column() const noexcept { return column_; }

 private:
  std::size_t column_;
};

using Cells = std::vector<std::string>;

// What `--delimiter` names: , ; tab or space. Throws Error(usage).
[[nodiscard]] char delimiter_of(std::string_view word);

// `semicolons`, for the user.
[[nodiscard]] std::string_view delimiter_name(char delimiter) noexcept;

// Gives the cells without the spaces around them and without their quotes. A space stands for a run of spaces and tabs.
// Throws QuoteError.
void split_cells(std::string_view text, char delimiter, Cells& cells);

// How many cells a line has at most, whatever its delimiter is.
[[nodiscard]] std::size_t count_cells(std::string_view text) noexcept;

// What cuts the first lines of a table: into its columns' names, into `columns` cells, or into as many each.
[[nodiscard]] char sniff(std::span<const std::string> lines, const std::function<bool(std::string_view)>& is_name,
                         std::size_t columns);

}  // namespace ferry::cli

#include "csv_header.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <utility>

#include "csv_cell.hpp"

namespace ferry::cli {

namespace {

// The character that a cell in UTF-8 begins with; 0 where that has four bytes or the cell is empty.
char32_t first_character(std::string_view cell) noexcept {
  const auto byte = [cell](std::size_t i) { return static_cast<char32_t>(static_cast<unsigned char>(cell[i])); };
  if (cell.empty() || byte(0) >= 0xF0) return 0;
  if (byte(0) < 0x80) return byte(0);
  if (byte(0) < 0xE0) return (byte(0) & 0x1FU) << 6U | (byte(1) & 0x3FU);
  return (byte(0) & 0x0FU) << 12U | (byte(1) & 0x3FU) << 6U | (byte(2) & 0x3FU);
}

// Letters of Latin, Greek, Cyrillic, Hebrew, Arabic, Japanese, Chinese and Korean. Signs of currencies and digits of other
// scripts begin values.
bool is_letter(char32_t character) noexcept {
  constexpr std::array<std::pair<char32_t, char32_t>, 15> letters = {{{'A', 'Z'},
                                                                      {'_', '_'},
                                                                      {'a', 'z'},
                                                                      {0x00C0, 0x00D6},
                                                                      {0x00D8, 0x00F6},
                                                                      {0x00F8, 0x024F},
                                                                      {0x0386, 0x0386},
                                                                      {0x0388, 0x0481},
                                                                      {0x048A, 0x052F},
                                                                      {0x05D0, 0x05EA},
                                                                      {0x0620, 0x064A},
                                                                      {0x3041, 0x3096},
                                                                      {0x30A1, 0x30FA},
                                                                      {0x4E00, 0x9FFF},
                                                                      {0xAC00, 0xD7A3}}};
  return std::ranges::any_of(letters,
                             [character](const auto& range) { return character >= range.first && character <= range.second; });
}

// Does it begin as a word that may name a column?
bool is_word(std::string_view cell) noexcept { return is_letter(first_character(cell)) && !is_value(cell) && !is_answer(cell); }

// How a program writes the number of a column.
bool is_count(std::string_view cell) noexcept {
  return !cell.empty() && cell.size() <= 9 && cell.find_first_not_of("0123456789") == std::string_view::npos &&
         (cell.size() == 1 || cell.front() != '0');
}

// What the rows show of how their writer writes numbers.
struct Points {
  bool all = false;    // each cell has a point
  bool whole = false;  // and one of them is a whole number, as in 5.0
};

Points points_of(std::span<const Cells> following, const std::vector<std::size_t>& columns) {
  Points points{.all = !following.empty()};
  for (const auto& row : following) {
    for (const auto column : columns) {
      if (column >= row.size() || !has_point(row[column])) return {};
      points.whole = points.whole || is_pointed_whole(row[column]);
    }
  }
  return points;
}

std::string listed_numbers(const std::vector<std::string>& names) {
  if (names.size() > 4) return names[0] + "," + names[1] + "," + names[2] + ",...," + names.back();
  std::string text;
  for (const auto& name : names) text += (text.empty() ? "" : ",") + name;
  return text;
}

// Do whole numbers that are all different count the columns? Else they are a sample. Throws ColumnError.
bool numbers_columns(const std::vector<std::string>& names, const Points& points, bool has_index) {
  std::vector<std::string> counted(names.size());
  for (std::size_t i = 0; i < counted.size(); ++i) counted[i] = std::to_string(i);
  // Who writes 5.0 does not write 0,1,2 for a sample.
  if (has_index || (points.whole && names == counted)) return true;
  const bool counts = std::set(names.begin(), names.end()) == std::set(counted.begin(), counted.end());
  if (counts || (points.all && names.size() > 1))
    throw ColumnError(
        "got " + listed_numbers(names) +
        ", which is a sample or a header that counts the columns, expected to be told; add --header yes or --header no");
  return false;
}

}  // namespace

bool is_value(std::string_view cell) noexcept { return is_number(cell) || is_missing(cell); }

bool is_header(const Cells& names, const std::vector<std::size_t>& columns, std::span<const Cells> following,
               const Elements& elements, bool has_index) {
  if (columns.size() != elements.count() || elements.parts().size() > 1) return false;
  std::vector<std::string> others(columns.size());
  std::ranges::transform(columns, others.begin(), [&](std::size_t column) { return names[column]; });
  if (std::set(others.begin(), others.end()).size() != others.size()) return false;
  if (std::ranges::all_of(others, is_count)) return numbers_columns(others, points_of(following, columns), has_index);
  return std::ranges::all_of(others, is_word) && (has_index || others.size() > 1);  // one word alone may be a broken sample
}

}  // namespace ferry::cli

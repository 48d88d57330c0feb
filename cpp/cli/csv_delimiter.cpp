#include "csv_delimiter.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>

#include "ferry/ferry.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

constexpr std::array delimiters = {',', ';', '\t', ' '};  // in the order in which they are tried

std::string_view trimmed(std::string_view text, std::string_view marks) noexcept {
  const auto first = text.find_first_not_of(marks);
  return first == std::string_view::npos ? std::string_view() : text.substr(first, text.find_last_not_of(marks) - first + 1);
}

std::size_t skip(std::string_view text, std::size_t at, std::string_view marks) noexcept {
  return std::min(text.find_first_not_of(marks, at), text.size());
}

// Cuts one line, from its first cell to its last.
class Cutter {
 public:
  Cutter(std::string_view text, char delimiter)
      : text_(delimiter == ' ' ? trimmed(text, " \t") : text), delimiter_(delimiter), marks_(delimiter == ' ' ? " \t" : "") {
    if (marks_.empty()) marks_ = delimiter;
  }

  // Gives the next cell, the `column`th. Throws QuoteError.
  void next(std::string& cell, std::size_t column) {
    const auto inner = skip(text_, at_, " ");
    if (inner < text_.size() && text_[inner] == '"') return unquote(cell, inner, column);
    const auto end = std::min(text_.find_first_of(marks_, at_), text_.size());
    cell = trimmed(text_.substr(at_, end - at_), " ");
    go_behind(end);
  }
  [[nodiscard]] bool at_end() const noexcept { return at_end_; }

 private:
  void unquote(std::string& cell, std::size_t quote, std::size_t column) {
    cell.clear();
    auto end = text_.find('"', quote + 1);
    for (auto start = quote + 1; end != std::string_view::npos; end = text_.find('"', start)) {
      cell += text_.substr(start, end - start);
      if (end + 1 >= text_.size() || text_[end + 1] != '"') break;
      cell += '"';
      start = end + 2;
    }
    if (end == std::string_view::npos)
      throw QuoteError(column, "got a quote that the line does not close, expected a whole cell; correct the file");
    end = delimiter_ == ' ' ? end + 1 : skip(text_, end + 1, " ");
    if (end < text_.size() && marks_.find(text_[end]) == std::string::npos)
      throw QuoteError(column, "got text after the closing quote, expected the end of the cell; correct the file");
    go_behind(end);
  }

  void go_behind(std::size_t end) noexcept {
    at_end_ = end == text_.size();
    at_ = delimiter_ == ' ' ? skip(text_, end, marks_) : end + 1;
  }

  std::string_view text_;
  char delimiter_;
  std::string marks_;  // that end a cell
  std::size_t at_ = 0;
  bool at_end_ = false;
};

std::optional<Cells> cells_of(std::string_view line, char delimiter) {
  try {
    Cells cells;
    split_cells(line, delimiter, cells);
    return cells;
  } catch (const QuoteError&) {
    return std::nullopt;
  }
}

// Does the first line hold a name between these delimiters?
bool names_elements(std::span<const std::string> lines, char delimiter, const std::function<bool(std::string_view)>& is_name,
                    std::size_t columns) {
  if (lines.empty()) return false;
  const auto cells = cells_of(lines.front(), delimiter);
  return cells && (cells->size() > 1 || columns == 1) && std::ranges::any_of(*cells, is_name);
}

// How many cells each line has between these delimiters; 0 where it cannot be cut.
std::vector<std::size_t> counts_of(std::span<const std::string> lines, char delimiter) {
  std::vector<std::size_t> counts;
  counts.reserve(lines.size());
  for (const auto& line : lines) {
    const auto cells = cells_of(line, delimiter);
    counts.push_back(cells ? cells->size() : 0);
  }
  return counts;
}

}  // namespace

char delimiter_of(std::string_view word) {
  if (word == "tab") return '\t';
  if (word == "space") return ' ';
  if (word.size() == 1 && std::ranges::find(delimiters, word.front()) != delimiters.end()) return word.front();
  throw Error(ErrorCode::usage, "--delimiter: got " + text::quoted(word) + ", expected one of , ; tab space");
}

std::string_view delimiter_name(char delimiter) noexcept {
  switch (delimiter) {
    case ';':
      return "semicolons";
    case '\t':
      return "tabs";
    case ' ':
      return "spaces";
    default:
      return "commas";
  }
}

void split_cells(std::string_view text, char delimiter, Cells& cells) {
  Cutter cutter(text, delimiter);
  std::size_t count = 0;
  for (; !cutter.at_end(); ++count) {
    if (count == cells.size()) cells.emplace_back();
    cutter.next(cells[count], count + 1);
  }
  cells.resize(count);
}

std::size_t count_cells(std::string_view text) noexcept {
  const auto count = [text](char mark) { return static_cast<std::size_t>(std::ranges::count(text, mark)); };
  const auto is_space = [](char c) { return c == ' ' || c == '\t'; };
  std::size_t runs = 0;
  for (std::size_t i = 1; i < text.size(); ++i) runs += is_space(text[i]) && !is_space(text[i - 1]) ? 1 : 0;
  return 1 + std::max({runs, count(','), count(';'), count('\t')});
}

char sniff(std::span<const std::string> lines, const std::function<bool(std::string_view)>& is_name, std::size_t columns) {
  std::vector<std::vector<std::size_t>> counts;  // [delimiter][line]
  for (const char delimiter : delimiters) {
    if (names_elements(lines, delimiter, is_name, columns)) return delimiter;
    counts.push_back(counts_of(lines, delimiter));
  }
  const auto first = [&](const auto& fits) {
    const auto found = std::ranges::find_if(counts, [&](const auto& row) { return !row.empty() && fits(row); });
    return found == counts.end() ? std::optional<char>() : delimiters.at(static_cast<std::size_t>(found - counts.begin()));
  };
  const auto all = [](const auto& row, std::size_t count) {
    return std::ranges::all_of(row, [count](std::size_t found) { return found == count; });
  };
  if (const auto found = first([&](const auto& row) { return all(row, columns); })) return *found;
  if (const auto found = first([&](const auto& row) { return row.front() > 1 && all(row, row.front()); })) return *found;
  return first([](const auto& row) { return row.front() > 1; }).value_or(',');
}

}  // namespace ferry::cli

// The lines of a table as text (FORMAT.md section 10). The Python twin is python/torchferry/samples/lines.py.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "byte_stream.hpp"

namespace ferry::cli {

// A line that is not blank. `blank`: the number of a blank line between it and the one before; 0: there is none.
struct CsvLine {
  std::size_t number = 0;
  std::string text;
  std::size_t blank = 0;
};

// The lines of a stream, without their ends, the byte order mark and those that hold nothing but spaces.
class CsvLines {
 public:
  explicit CsvLines(ByteStream stream) : stream_(std::move(stream)) {}

  // Gives the next line; false at the end. Throws Error(bad_input) with its number.
  [[nodiscard]] bool next(CsvLine& line);
  [[nodiscard]] bool last_is_open() const noexcept { return stream_.last_line_is_open(); }

  // Throws Error(bad_input) that names the place; columns count from 1.
  [[noreturn]] void refuse(std::size_t line, std::string_view problem, std::optional<std::size_t> column = {}) const;

 private:
  void require_text(std::string_view line) const;

  ByteStream stream_;
  std::size_t number_ = 0;
  bool seen_ = false;
};

}  // namespace ferry::cli

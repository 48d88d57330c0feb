#include "csv_lines.hpp"

#include <algorithm>

#include "ferry/ferry.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

}  // namespace

bool CsvLines::next(CsvLine& line) {
  line.blank = 0;
  while (stream_.read_line(line.text, limits::max_csv_line_bytes)) {
    ++number_;
    if (number_ == 1 && line.text.starts_with(byte_order_mark)) line.text.erase(0, byte_order_mark.size());
    require_text(line.text);
    if (line.text.find_first_not_of(' ') != std::string::npos) {
      line.number = number_;
      seen_ = true;
      return true;
    }
    if (seen_ && line.blank == 0) line.blank = number_;
  }
  return false;
}

void CsvLines::refuse(std::size_t line, std::string_view problem, std::optional<std::size_t> column) const {
  const auto place = ": line " + std::to_string(line) + (column ? ", column " + std::to_string(*column) : "");
  throw Error(ErrorCode::bad_input, stream_.name() + place + ": " + std::string(problem));
}

// Without this a binary file could pass for a table.
void CsvLines::require_text(std::string_view line) const {
  if (number_ == 1 && (line.starts_with("\xFF\xFE") || line.starts_with("\xFE\xFF")))
    refuse(number_, "got UTF-16, expected CSV in UTF-8; save it again as UTF-8");
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t' && c != '\r'; };
  const bool control = std::ranges::any_of(line, is_control);
  if (control || !text::is_utf8(line))
    refuse(number_, "got bytes that are no text, expected .npy, CSV in UTF-8, WAV, PNG, JPEG, BMP, PGM or PPM; correct the file");
  if (line.find('\r') != std::string_view::npos)
    refuse(number_,
           "got a carriage return inside the line, expected \\n or \\r\\n at its end; save it again with line ends of Unix or "
           "Windows");
}

}  // namespace ferry::cli

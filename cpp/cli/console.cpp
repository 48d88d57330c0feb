#include "console.hpp"

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <string>

#include "descriptor.hpp"
#include "file.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

void write(const std::string& text) {
  File out(system::standard_output, "stdout", false);
  out.write(std::as_bytes(std::span(text)));
}

void print_line(const char* prefix, std::string_view text, std::string_view detail = {}, std::string_view advice = {}) noexcept {
  try {
    std::string line = std::string(text).append(detail).append(advice);
    std::ranges::replace(line, '\n', ' ');
    // Words of the command line and names out of a bundle cannot reach the terminal as control sequences.
    std::fputs((prefix + text::printable(line, line.max_size()) + "\n").c_str(), stderr);
  } catch (const std::exception&) {
    std::fputs("error: not enough memory; try a smaller --batch\n", stderr);
  }
}

}  // namespace

void print(std::string_view text) { write(text::printable_lines(text)); }

void print_json(std::string_view document) { write(text::json_safe(document)); }

void print_error(std::string_view text, std::string_view detail, std::string_view advice) noexcept {
  print_line("error: ", text, detail, advice);
}

void print_note(std::string_view text) noexcept { print_line("note: ", text); }

void print_done(std::string_view text) noexcept { print_line("predict: ", text); }

}  // namespace ferry::cli

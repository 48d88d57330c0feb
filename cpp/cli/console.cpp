#include "console.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <span>
#include <string>

#include "file.hpp"
#include "text.hpp"

namespace ferry::cli {

void print(std::string_view text) {
  File out(STDOUT_FILENO, "stdout", false);
  out.write(std::as_bytes(std::span(text)));
}

void print_error(std::string_view text) noexcept {
  try {
    std::string line(text);
    std::ranges::replace(line, '\n', ' ');
    // Words of the command line and names out of a bundle cannot reach the terminal as control sequences.
    std::fputs(("error: " + text::printable(line, line.max_size()) + "\n").c_str(), stderr);
  } catch (const std::exception&) {
    std::fputs("error: not enough memory\n", stderr);
  }
}

}  // namespace ferry::cli

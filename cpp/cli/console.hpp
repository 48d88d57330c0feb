// The terminal: text to stdout, one-line errors to stderr.
#pragma once

#include <string_view>

namespace ferry::cli {

// Writes all of `text` to stdout, each line of it printable. Throws Error(io): a full disk or a closed pipe is a failure of the
// command.
void print(std::string_view text);

// The same of a JSON document, which reads back to the same value.
void print_json(std::string_view document);

// Writes `error: <text><detail>` to stderr as one line; `error: not enough memory` where there is none for that.
void print_error(std::string_view text, std::string_view detail = {}, std::string_view advice = {}) noexcept;

// Writes `note: <text>` to stderr as one line: something that does not stop the command.
void print_note(std::string_view text) noexcept;

// Writes `predict: <text>` to stderr as one line: what was done.
void print_done(std::string_view text) noexcept;

}  // namespace ferry::cli

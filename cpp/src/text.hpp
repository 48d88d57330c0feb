// Text for people and for JSON: one-line messages, JSON strings, shortest numbers.
#pragma once

#include <string>
#include <string_view>

namespace ferry::text {

// `raw` as one line: control characters become \xNN, and more than `max_bytes` are cut with "...".
[[nodiscard]] std::string printable(std::string_view raw, std::size_t max_bytes = 1000);

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

// Appends the shortest decimal that reads back to the same value of the same type; for JSON, so a value that is not finite
// becomes the string "nan", "inf" or "-inf" with its quotes (FORMAT.md section 9).
void append_json_number(std::string& out, float value);
void append_json_number(std::string& out, double value);

// Three significant digits, as printf's %.3g and Python's .3g write them.
[[nodiscard]] std::string short_number(double value);

// True for UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace ferry::text

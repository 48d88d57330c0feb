// Text for people and for JSON: one-line messages, JSON strings, shortest numbers.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ferry::text {

// `raw` as one line: what a terminal would act on, such as control characters, new lines and marks that turn the direction of
// writing, becomes \xNN, \uNNNN or \UNNNNNNNN. More than `max_bytes` are cut with "...". The one way by which text from a bundle
// or a file reaches a terminal, CSV or HTML.
[[nodiscard]] std::string printable(std::string_view raw, std::size_t max_bytes = 1000);

// A path as UTF-8, and back. On POSIX its bytes stay what they are, UTF-8 or not.
[[nodiscard]] std::string utf8(const std::filesystem::path& path);
[[nodiscard]] std::filesystem::path path_of(std::string_view utf8);
// `printable` of a path.
[[nodiscard]] std::string shown(const std::filesystem::path& path);

// A word of the user in quotes, for a message; `nothing` where it is empty.
[[nodiscard]] std::string quoted(std::string_view word);

// `printable` of every line; the new lines stay.
[[nodiscard]] std::string printable_lines(std::string_view text);

// The same JSON with \uNNNN for what a terminal would act on; new lines between its tokens stay.
[[nodiscard]] std::string json_safe(std::string_view document);

// Appends `text` as a JSON string with its quotes. Bytes that are not UTF-8 become U+FFFD, so the result is always valid JSON.
void append_json_string(std::string& out, std::string_view text);

// Appends the shortest decimal that reads back to the same value of the same type; for JSON, so a value that is not finite
// becomes the string "nan", "inf" or "-inf" with its quotes (FORMAT.md section 9).
void append_json_number(std::string& out, float value);
void append_json_number(std::string& out, double value);

// As printf's %.*g in the C locale and Python's .3g write it, whatever the locale of the process.
[[nodiscard]] std::string short_number(double value, int digits = 3);
// The shortest decimal that reads back to the same value.
[[nodiscard]] std::string exact_number(double value);

// The first `count` characters, not bytes, of a text in UTF-8.
[[nodiscard]] std::string_view first_characters(std::string_view text, std::size_t count) noexcept;

// True for UTF-8 as RFC 3629 has it: no overlong forms, no surrogates.
[[nodiscard]] bool is_utf8(std::string_view text) noexcept;

}  // namespace ferry::text

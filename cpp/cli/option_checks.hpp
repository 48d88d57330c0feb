// Checks of the words behind options of ferry-run: each returns what is wrong, or nothing.
#pragma once

#include <array>
#include <string>
#include <string_view>
#include <utility>

#include "verbs.hpp"

namespace ferry::cli {

inline constexpr std::array<std::pair<std::string_view, HeaderChoice>, 3> header_words = {
    {{"auto", HeaderChoice::automatic}, {"yes", HeaderChoice::yes}, {"no", HeaderChoice::no}}};
inline constexpr std::array<std::pair<std::string_view, InputFormat>, 4> input_format_words = {
    {{"auto", InputFormat::automatic}, {"raw", InputFormat::raw}, {"jsonl", InputFormat::jsonl}, {"csv", InputFormat::csv}}};

// An empty name is a script's unset variable, not a wish for the default.
[[nodiscard]] std::string require_name(const std::string& text);
// A list with commas. CLI11's own delimiter drops an empty name at the end.
[[nodiscard]] std::string require_names(const std::string& text);
[[nodiscard]] std::string require_format(const std::string& text);
[[nodiscard]] std::string require_delimiter(const std::string& text);
[[nodiscard]] std::string require_header(const std::string& text);
[[nodiscard]] std::string require_input_format(const std::string& text);
[[nodiscard]] std::string require_whole_number(const std::string& text);
[[nodiscard]] std::string require_number(const std::string& text);
[[nodiscard]] std::string require_threads(const std::string& text);

}  // namespace ferry::cli

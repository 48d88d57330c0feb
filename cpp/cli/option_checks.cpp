#include "option_checks.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "csv_delimiter.hpp"
#include "ferry/ferry.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace ferry::cli {

std::string require_name(const std::string& text) { return text.empty() ? "got nothing, expected a name" : std::string(); }

std::string require_names(const std::string& text) {
  const bool has_empty = text.empty() || text.front() == ',' || text.back() == ',' || text.find(",,") != std::string::npos;
  return has_empty ? "got an empty name, expected names, e.g. torchscript,cpp" : std::string();
}

std::string require_format(const std::string& text) {
  const bool known = text == "jsonl" || text == "csv" || text == "npy" || text == "npz" || text == "png";
  return known ? std::string() : "got " + text::quoted(text) + ", expected jsonl, csv, npy, npz or png";
}

std::string require_delimiter(const std::string& text) {
  try {
    static_cast<void>(delimiter_of(text));
    return {};
  } catch (const Error& error) {
    return std::string(error.what()).substr(std::string_view("--delimiter: ").size());
  }
}

std::string require_header(const std::string& text) {
  const bool known = std::ranges::any_of(header_words, [&](const auto& word) { return word.first == text; });
  return known ? std::string() : "got " + text::quoted(text) + ", expected auto, yes or no";
}

std::string require_input_format(const std::string& text) {
  const bool known = std::ranges::any_of(input_format_words, [&](const auto& word) { return word.first == text; });
  return known ? std::string() : "got " + text::quoted(text) + ", expected auto, raw, jsonl or csv";
}

std::string require_whole_number(const std::string& text) {
  std::int64_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  const bool is_whole = result.ec != std::errc::invalid_argument && result.ptr == end;
  if (is_whole && result.ec == std::errc() && value >= -limits::max_integer && value <= limits::max_integer) return {};
  const std::string most = std::to_string(limits::max_integer);
  return "got " + text::quoted(text) + ", expected a whole number" + (is_whole ? " from -" + most + " to " + most : "");
}

std::string require_number(const std::string& text) {
  constexpr std::string_view letters = "0123456789.eE+-";
  double value = 0;
  const char* end = text.data() + text.size();
  const bool is_number = !text.empty() && text.find_first_not_of(letters) == std::string::npos &&
                         std::from_chars(text.data(), end, value).ptr == end;
  return is_number ? std::string() : "got " + text::quoted(text) + ", expected a number";
}

std::string require_threads(const std::string& text) {
  std::string problem = require_whole_number(text);
  if (problem.empty() && std::stoll(text) > limits::max_threads)
    problem = "got " + text + ", expected at most " + std::to_string(limits::max_threads);
  return problem;
}

}  // namespace ferry::cli

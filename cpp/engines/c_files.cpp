#include "c_files.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <span>
#include <string_view>

#include "ferry/engine.hpp"

namespace ferry::c {

namespace {

using engines::bytes_of;
using engines::Refusal;

constexpr int passed = -1;  // what a model's self-test returns besides the index of a wrong sample
constexpr int not_strict = -2;

bool is_source(std::string_view path) {
  return (path.ends_with(".c") || path.ends_with(".h")) && path.find('/') == std::string_view::npos;
}

constexpr std::string_view weights_file = "model.weights.bin";

const ferry_artifact_file* find(const ferry_open_request& request, std::string_view path) {
  const auto files = std::span(request.files, request.file_count);
  const auto found = std::find_if(files.begin(), files.end(), [&](const auto& file) { return path == file.path; });
  return found == files.end() ? nullptr : &*found;
}

// Takes what is next in the text, behind white space.
bool take(std::string_view& text, std::string_view next) {
  text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
  if (!text.starts_with(next)) return false;
  text.remove_prefix(next.size());
  return true;
}

// Is the array in the C text one of these bytes, as decimal numbers?
bool is_array_of(std::string_view text, std::span<const std::byte> bytes) {
  text.remove_prefix(std::min(text.find('{'), text.size()));
  if (!take(text, "{")) return false;
  std::array<char, 3> number{};
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    const auto* const end = std::to_chars(number.data(), number.data() + 3, std::to_integer<unsigned>(bytes[i])).ptr;
    if ((i > 0 && !take(text, ",")) || !take(text, {number.data(), end})) return false;
  }
  return take(text, "}");
}

}  // namespace

Files sources_of(const ferry_open_request& request) {
  Files files;
  for (std::size_t i = 0; i < request.file_count; ++i) {
    if (!is_source(request.files[i].path)) continue;
    files.sources.push_back({request.files[i].path, bytes_of(request.files[i])});
    files.digest += (files.digest.empty() ? "" : ",") + std::string(request.files[i].sha256);
  }
  if (files.sources.empty())
    throw Refusal{FERRY_FORMAT,
                  std::string(request.files[0].path) + ": got no C file in the artifact, expected one; export it again"};
  if (const auto* const weights = find(request, weights_file)) files.weights = weights->sha256;
  return files;
}

void require_own_weights(const ferry_open_request& request) {
  const auto* const weights = find(request, weights_file);
  const auto* const compiled = find(request, "weights.c");
  if (weights == nullptr) return;
  const auto text = compiled == nullptr ? std::span<const std::byte>() : bytes_of(*compiled);
  if (!is_array_of({reinterpret_cast<const char*>(text.data()), text.size()}, bytes_of(*weights)))
    throw Refusal{FERRY_FORMAT, std::string(weights_file) +
                                    ": got other bytes than those of weights.c, which the session runs, expected the same; "
                                    "export it again"};
}

void require_passed(const std::string& path, int result) {
  if (result == not_strict)
    throw Refusal{
        FERRY_UNAVAILABLE,
        path +
            ": got arithmetic that is not strict IEEE 754 (flush to zero, another rounding mode), expected the default; "
            "something in this process has changed it"};
  if (result != passed)
    throw Refusal{FERRY_MISMATCH, path + ": self-test: got other bits for sample " + std::to_string(result) +
                                      ", expected those of the export: they are the same on every processor"};
}

}  // namespace ferry::c

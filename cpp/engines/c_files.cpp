#include "c_files.hpp"

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
  return files;
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

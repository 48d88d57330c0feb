#include "image_files.hpp"

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "byte_stream.hpp"
#include "ferry/ferry.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

namespace fs = std::filesystem;

// Who opens one of these may wait for ever.
void refuse_endless(const std::string& file) {
  std::error_code unknown;
  const auto type = fs::status(text::path_of(file), unknown).type();
  if (type == fs::file_type::fifo || type == fs::file_type::socket || type == fs::file_type::character ||
      type == fs::file_type::block)
    throw Error(ErrorCode::io, file + ": got a pipe, a socket or a device, expected a file; take it out of the folder");
}

// The entries of a folder, but for hidden ones.
std::vector<std::string> entries_of(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code problem;
  for (fs::directory_iterator entry(text::path_of(folder), problem), end; !problem && entry != end; entry.increment(problem)) {
    auto name = text::utf8(entry->path().filename());
    if (!name.starts_with('.')) names.push_back(std::move(name));
  }
  if (problem)
    throw Error(ErrorCode::io, folder + ": got " + std::string(std::generic_category().message(problem.value())) +
                                   ", expected a readable folder; check the path and its permissions");
  std::ranges::sort(names, [](const std::string& a, const std::string& b) {  // by their bytes
    return std::ranges::lexicographical_compare(
        a, b, {}, [](char c) { return static_cast<unsigned char>(c); }, [](char c) { return static_cast<unsigned char>(c); });
  });
  const auto start = folder + (folder.ends_with('/') ? "" : "/");
  for (auto& name : names) {
    name.insert(0, start);
    refuse_endless(name);
  }
  return names;
}

// The lines of a list; blank ones are none.
std::vector<std::string> listed_in(const std::string& path) {
  auto stream = ByteStream::open(path);
  if (stream.peek(limits::max_list_bytes + 1).size() > limits::max_list_bytes)
    throw Error(ErrorCode::bad_input, stream.name() + ": list: got more than " + std::to_string(limits::max_list_bytes) +
                                          " bytes, expected fewer; is this the right file?");
  std::vector<std::string> files;
  std::string line;
  while (stream.read_line(line, limits::max_list_bytes)) {
    if (line.find('\0') != std::string::npos)
      throw Error(ErrorCode::bad_input,
                  stream.name() + ": list: got a byte 0, expected one file's name a line; is this the right file?");
    if (!line.empty()) files.push_back(line);
  }
  const auto nested = std::ranges::find_if(files, [](const std::string& file) { return file == "-" || holds_files(file); });
  if (nested != files.end())
    throw Error(ErrorCode::bad_input,
                stream.name() + ": list: got " + text::quoted(*nested) + ", expected the name of a file; name each file");
  return files;
}

}  // namespace

bool holds_files(const std::string& argument) {
  std::error_code unknown;
  return argument.starts_with('@') || (argument != "-" && fs::is_directory(text::path_of(argument), unknown));
}

std::vector<std::string> expand(const std::string& argument) {
  if (!holds_files(argument)) return {argument};
  auto files = argument.starts_with('@') ? listed_in(argument.substr(1)) : entries_of(argument);
  if (files.empty())
    throw Error(ErrorCode::bad_input, argument + ": got no files, expected at least one; is this the right place?");
  return files;
}

}  // namespace ferry::cli

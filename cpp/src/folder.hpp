// A bundle's folder: what lies in it, and its files opened without following any link.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "file.hpp"

namespace ferry {

class Folder {
 public:
  explicit Folder(std::filesystem::path root) : root_(std::move(root)) {}

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  // The path of a file for messages, as one line.
  [[nodiscard]] std::string name_of(std::string_view path) const;

  // Every regular file below the root with its size, by path relative to the root. A link, socket, pipe or device is
  // Error(integrity).
  [[nodiscard]] std::map<std::string, std::uint64_t, std::less<>> list() const;

  // Opens a regular file; a link in any component of `path` is Error(integrity). Never waits on a pipe. Throws Error(io |
  // integrity).
  [[nodiscard]] File open(std::string_view path) const;

  // At most `max_bytes` from the start of a file. Throws Error(io | integrity).
  [[nodiscard]] std::vector<std::byte> read(std::string_view path, std::size_t max_bytes) const;

 private:
  [[noreturn]] void refuse_special(std::string_view path) const;

  std::filesystem::path root_;
};

}  // namespace ferry

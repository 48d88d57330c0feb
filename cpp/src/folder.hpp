// A bundle's folder, held by its descriptor: what lies in it, and its files opened without following any link.
//
// What is read through it is one bundle, also while a writer replaces it: a shared lock on the descriptor tells writers to leave
// the folder where it is, under another name, until nobody reads it (FORMAT.md section 1). The Python twin is bundle/folder.py.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "file.hpp"

namespace ferry {

class Folder {
 public:
  Folder() = default;  // of an empty bundle: nothing can be read
  // Holds what stands at `root` now. Throws Error(io).
  explicit Folder(std::filesystem::path root);

  [[nodiscard]] const std::filesystem::path& root() const noexcept { return root_; }
  [[nodiscard]] bool has(std::string_view name) const;  // anything of that name directly below the root
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

  [[nodiscard]] File descend(std::string_view path, int flags) const;

  std::filesystem::path root_;
  std::shared_ptr<const File> held_;
};

}  // namespace ferry

// A file that appears at its place only when it is whole.
#pragma once

#include <cstddef>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "file.hpp"
#include "temporary_file.hpp"

namespace ferry::cli {

class OutputFile {
 public:
  // `-` is stdout. A device, pipe or socket that is there is written directly; for anything else a temporary sibling is written,
  // which `commit` renames. Throws Error(io) where the place cannot be written.
  [[nodiscard]] static OutputFile open(const std::string& name);

  [[nodiscard]] File& file() noexcept { return file_; }
  // Is it a file of our own, so that bytes before its end can be written again?
  [[nodiscard]] bool is_temporary() const noexcept { return temporary_.has_value(); }
  void write(std::string_view text);
  // A file without a name, on the disk that this one is on: for what is written here later. Throws Error(io).
  [[nodiscard]] File open_spool() const;
  // Closes, then puts the file at its place. Throws Error(io).
  void commit();

 private:
  OutputFile(File file, std::optional<TemporaryFile> temporary, std::filesystem::path target);

  File file_;
  std::optional<TemporaryFile> temporary_;  // none: written directly
  std::filesystem::path target_;
};

// Gives a file's bytes from its beginning, in pieces. Throws Error(io).
void for_each_piece(const File& file, const std::function<void(std::span<const std::byte>)>& take);

}  // namespace ferry::cli

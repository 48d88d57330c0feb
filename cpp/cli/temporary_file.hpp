// The name of a new file that is removed again unless it is renamed: also when a signal ends the process.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include "file.hpp"

namespace ferry::cli {

class TemporaryFile {
 public:
  // Creates a file with the user's default permissions beside `target`: a rename within one folder is atomic. Messages show
  // `shown`. Throws Error(io).
  [[nodiscard]] static std::pair<TemporaryFile, File> create_beside(const std::filesystem::path& target,
                                                                    const std::string& shown);

  TemporaryFile(TemporaryFile&&) noexcept = default;
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  // Throws Error(io); the file is then still removed.
  void rename_to(const std::filesystem::path& target, const std::string& shown);

 private:
  explicit TemporaryFile(std::unique_ptr<const std::string> path) : path_(std::move(path)) {}

  std::unique_ptr<const std::string> path_;  // null once renamed; on the heap, because the signal handler keeps its address
};

}  // namespace ferry::cli

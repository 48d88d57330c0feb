// The name of a new file that is removed again unless it is renamed: also when a signal ends the process.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
  explicit TemporaryFile(std::unique_ptr<const std::filesystem::path> path) : path_(std::move(path)) {}

  std::unique_ptr<const std::filesystem::path>
      path_;  // null once renamed; on the heap, because the signal handler keeps its address
};

// The same for a folder, of which there is one at a time.
class TemporaryFolder {
 public:
  // `files` are the names of what will be put into it, all that there will be. Throws Error(io).
  [[nodiscard]] static TemporaryFolder create_beside(const std::filesystem::path& target, const std::vector<std::string>& files,
                                                     const std::string& shown);

  TemporaryFolder(TemporaryFolder&&) noexcept = default;
  TemporaryFolder& operator=(TemporaryFolder&&) = delete;
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder();

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return held_->path; }
  // Throws Error(io); the folder is then still removed.
  void rename_to(const std::filesystem::path& target, const std::string& shown);

  struct Held {
    std::filesystem::path path;
    std::vector<std::filesystem::path> files;
  };

 private:
  explicit TemporaryFolder(std::unique_ptr<const Held> held) : held_(std::move(held)) {}

  std::unique_ptr<const Held> held_;  // null once renamed; on the heap, because the signal handler keeps its address
};

}  // namespace ferry::cli

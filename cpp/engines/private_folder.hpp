// Where machine code lies for the moment in which it is built and loaded. Standard library and POSIX only.
#pragma once

#include <deque>
#include <filesystem>
#include <fstream>
#include <new>
#include <span>
#include <string>
#include <system_error>

#include "ferry/engine.hpp"
#include "held_signals.hpp"
#include "no_temporary_folder.hpp"
#include "private_place.hpp"

namespace ferry::engines {

// A new folder that nobody else may enter, removed with all it holds: also where a signal ends the process meanwhile.
class PrivateFolder {
 public:
  // `prefix`: how its name begins.
  explicit PrivateFolder(const std::string& prefix) : path_((place() / prefix).string()) {
    if (!system::make_private_folder(path_))
      throw Refusal{FERRY_IO, path_ + ": got no folder there, expected to make one; set TMPDIR to a folder with space"};
  }
  PrivateFolder(const PrivateFolder&) = delete;
  PrivateFolder& operator=(const PrivateFolder&) = delete;
  ~PrivateFolder() {
    for (const auto& file : files_) system::remove_file(file.c_str());
    if (system::remove_empty_folder(path_.c_str())) return;
    try {
      std::error_code ignored;
      std::filesystem::remove_all(path_, ignored);  // what a runtime put there
    } catch (const std::bad_alloc&) {
      return;  // a destructor cannot say so
    }
  }

  // The path of a file that will be made here, and which takes no memory to be removed.
  [[nodiscard]] const std::string& path_of(const std::string& name) { return files_.emplace_back(path_ + '/' + name); }

  // Returns the file's path.
  [[nodiscard]] std::string write(const std::string& name, std::span<const std::byte> content) {
    const auto& file = path_of(name);
    std::ofstream stream(file, std::ios::binary);
    stream.write(reinterpret_cast<const char*>(content.data()), static_cast<std::streamsize>(content.size()));
    stream.close();
    if (!stream)
      throw Refusal{FERRY_IO,
                    file + ": got too little space, expected to write " + std::to_string(content.size()) + " bytes; set TMPDIR"};
    return file;
  }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const HeldSignals& signals() const noexcept { return signals_; }

 private:
  static std::filesystem::path place() {
    std::error_code error;
    auto folder = std::filesystem::temp_directory_path(error);
    if (error) throw Refusal{FERRY_IO, no_temporary_folder()};
    return folder;
  }

  HeldSignals signals_;  // first made and last gone
  std::string path_;
  std::deque<std::string> files_;  // its elements stay where they are
};

}  // namespace ferry::engines

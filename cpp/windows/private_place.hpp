// A folder that nobody else may enter. cpp/posix/private_place.hpp is its twin.
//
// Windows removes no file that is loaded: the object of a model stays there until the process has ended, and the next one that
// makes such a folder removes it.
#pragma once

#include <chrono>
#include <filesystem>
#include <random>
#include <string>
#include <system_error>

namespace ferry::system {

// Removes what ended processes left: folders that begin alike, a day old, whose files nobody has loaded.
inline void remove_old_folders(const std::filesystem::path& start) {
  namespace fs = std::filesystem;
  std::error_code ignored;
  const auto name = start.filename().wstring();
  const auto old = fs::file_time_type::clock::now() - std::chrono::hours(24);
  for (fs::directory_iterator it(start.parent_path(), ignored), end; !ignored && it != end; it.increment(ignored)) {
    std::error_code other;
    if (it->path().filename().wstring().starts_with(name) && fs::last_write_time(it->path(), other) < old)
      fs::remove_all(it->path(), other);
  }
}

// Makes the folder, in the user's own folder for temporary files; `path` begins its name, and gets the rest. False where it
// failed.
[[nodiscard]] inline bool make_private_folder(std::string& path) {
  remove_old_folders(path);
  constexpr int attempts = 100;
  std::random_device random;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    const auto candidate = path + std::to_string(random()) + std::to_string(random());
    std::error_code error;
    if (std::filesystem::create_directory(candidate, error)) {
      path = candidate;
      return true;
    }
    if (error) return false;
  }
  return false;
}

inline void remove_file(const char* path) noexcept {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}
[[nodiscard]] inline bool remove_empty_folder(const char* path) noexcept {
  std::error_code error;
  return std::filesystem::remove(path, error);
}

// Whether no program may be loaded from there: Windows does not say.
[[nodiscard]] inline bool forbids_programs(const std::string& /*folder*/) { return false; }

}  // namespace ferry::system

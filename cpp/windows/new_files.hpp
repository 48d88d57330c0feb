// Files and folders that are made to be renamed later. cpp/posix/new_files.hpp is its twin. What fails says why in errno.
#pragma once

#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <share.h>
#include <sys/stat.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

namespace ferry::system {

// Passes an error on as errno; true where there is none.
[[nodiscard]] inline bool passed(const std::error_code& error) {
  errno = error.default_error_condition().value();
  return !error;
}

// A file that was not there; -1 where it fails, EEXIST where it is there.
[[nodiscard]] inline int create_new(const std::filesystem::path& path, int more = 0) {
  int descriptor = -1;
  constexpr int flags = _O_RDWR | _O_CREAT | _O_EXCL | _O_BINARY | _O_NOINHERIT;
  errno = ::_wsopen_s(&descriptor, path.c_str(), flags | more, _SH_DENYNO, _S_IREAD | _S_IWRITE);
  return descriptor;
}
[[nodiscard]] inline bool create_new_folder(const std::filesystem::path& path) {
  std::error_code error;
  const bool is_made = std::filesystem::create_directory(path, error);
  if (!is_made && !error) errno = EEXIST;
  return is_made || (error && passed(error));
}
// Replaces what is there.
[[nodiscard]] inline bool rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  std::filesystem::rename(from, to, error);
  return passed(error);
}

inline void remove_file(const std::filesystem::path& path) noexcept {
  std::error_code ignored;
  std::filesystem::remove(path, ignored);
}
// True where it is gone.
[[nodiscard]] inline bool remove_folder(const std::filesystem::path& path) noexcept {
  std::error_code error;
  std::filesystem::remove(path, error);
  return !error;
}

[[nodiscard]] inline bool is_name_too_long(const std::filesystem::path& path) {
  constexpr std::size_t longest = 255;  // characters of one name
  errno = ENAMETOOLONG;
  return path.filename().wstring().size() > longest;
}
[[nodiscard]] inline bool may_write(const std::filesystem::path& path) { return ::_waccess(path.c_str(), 2) == 0; }
[[nodiscard]] inline int process_id() noexcept { return ::_getpid(); }

// A file that is removed when it is closed; -1 where it fails.
[[nodiscard]] inline int create_nameless() {
  std::error_code error;
  const auto folder = std::filesystem::temp_directory_path(error);
  for (int attempt = 0;; ++attempt) {
    const auto name = ".ferry-" + std::to_string(process_id()) + "-" + std::to_string(attempt) + ".tmp";
    const int descriptor = create_new(folder / name, _O_TEMPORARY);
    if (descriptor >= 0 || errno != EEXIST) return descriptor;
  }
}

}  // namespace ferry::system

// Files and folders that are made to be renamed later. cpp/windows/new_files.hpp is its twin. What fails says why in errno.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>
#include <memory>

namespace ferry::system {

// A file that was not there, with the user's default permissions; -1 where it fails, EEXIST where it is there.
[[nodiscard]] inline int create_new(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}
[[nodiscard]] inline bool create_new_folder(const std::filesystem::path& path) { return ::mkdir(path.c_str(), 0777) == 0; }
// Replaces what is there.
[[nodiscard]] inline bool rename(const std::filesystem::path& from, const std::filesystem::path& to) {
  return ::rename(from.c_str(), to.c_str()) == 0;
}

// Both may be called in a handler of a signal.
inline void remove_file(const std::filesystem::path& path) noexcept { ::unlink(path.c_str()); }
// True where it is gone.
[[nodiscard]] inline bool remove_folder(const std::filesystem::path& path) noexcept {
  return ::rmdir(path.c_str()) == 0 || errno == ENOENT;
}

[[nodiscard]] inline bool is_name_too_long(const std::filesystem::path& path) {
  struct stat unused{};
  return ::lstat(path.c_str(), &unused) != 0 && errno == ENAMETOOLONG;
}
[[nodiscard]] inline bool may_write(const std::filesystem::path& path) { return ::access(path.c_str(), W_OK) == 0; }
[[nodiscard]] inline int process_id() noexcept { return ::getpid(); }

// A file without a name: one whose name is gone while it stays open; -1 where it fails.
[[nodiscard]] inline int create_nameless() {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> stream(std::tmpfile(), std::fclose);
  return stream == nullptr ? -1 : ::fcntl(::fileno(stream.get()), F_DUPFD_CLOEXEC, 0);
}

}  // namespace ferry::system

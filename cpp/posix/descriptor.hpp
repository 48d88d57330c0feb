// Open files as the system numbers them. cpp/windows/descriptor.hpp is its twin. What fails says why in errno.
#pragma once

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace ferry::system {

inline constexpr int standard_input = STDIN_FILENO;
inline constexpr int standard_output = STDOUT_FILENO;
inline constexpr int standard_error = STDERR_FILENO;

// Each returns the descriptor, or -1.
[[nodiscard]] inline int open_to_read(const std::filesystem::path& path) { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); }
// The same, without waiting for whoever writes into a pipe.
[[nodiscard]] inline int open_at_once(const std::filesystem::path& path) {
  return ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}
// What is there already: a device or a pipe.
[[nodiscard]] inline int open_to_write(const std::filesystem::path& path) { return ::open(path.c_str(), O_WRONLY | O_CLOEXEC); }
[[nodiscard]] inline int create(const std::filesystem::path& path) {
  constexpr ::mode_t mode = 0666;  // less the umask
  return ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
}

// Each returns how many bytes, 0 at the end, or -1.
[[nodiscard]] inline std::ptrdiff_t read(int descriptor, void* to, std::size_t bytes) { return ::read(descriptor, to, bytes); }
[[nodiscard]] inline std::ptrdiff_t write(int descriptor, const void* from, std::size_t bytes) {
  return ::write(descriptor, from, bytes);
}
// The same at a place; where `read` and `write` go on stays.
[[nodiscard]] inline std::ptrdiff_t read_at(int descriptor, void* to, std::size_t bytes, std::uint64_t offset) {
  return ::pread(descriptor, to, bytes, static_cast<::off_t>(offset));
}
[[nodiscard]] inline std::ptrdiff_t write_at(int descriptor, const void* from, std::size_t bytes, std::uint64_t offset) {
  return ::pwrite(descriptor, from, bytes, static_cast<::off_t>(offset));
}

// Where `read` goes on; -1 for a pipe.
[[nodiscard]] inline std::int64_t position(int descriptor) { return ::lseek(descriptor, 0, SEEK_CUR); }

struct Status {
  bool is_known = false;
  bool is_regular = false;
  bool is_writable_by_others = false;  // than this user, one group a user, and root
  std::uint64_t bytes = 0;
};
[[nodiscard]] inline Status status(int descriptor) {
  struct stat found{};
  if (::fstat(descriptor, &found) != 0) return {};
  const bool is_owned = found.st_uid == 0 || found.st_uid == ::geteuid();
  const bool is_private_group = found.st_gid == ::getegid() && ::getegid() == ::geteuid();
  const ::mode_t open = is_private_group ? S_IWOTH : S_IWOTH | S_IWGRP;
  return {.is_known = true,
          .is_regular = S_ISREG(found.st_mode),
          .is_writable_by_others = !is_owned || (found.st_mode & open) != 0,
          .bytes = static_cast<std::uint64_t>(found.st_size)};
}

[[nodiscard]] inline bool is_terminal(int descriptor) { return ::isatty(descriptor) == 1; }
// 0 where it succeeds.
inline int close(int descriptor) { return ::close(descriptor); }

}  // namespace ferry::system

#include "descriptor.hpp"

#include <fcntl.h>
#include <io.h>
#include <share.h>
#include <sys/stat.h>
#include <windows.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <mutex>

namespace ferry::system {

namespace {

constexpr int exact = _O_BINARY | _O_NOINHERIT;
constexpr auto most = static_cast<std::size_t>(std::numeric_limits<int>::max());

int open(const std::filesystem::path& path, int flags) {
  int descriptor = -1;
  errno = ::_wsopen_s(&descriptor, path.c_str(), flags | exact, _SH_DENYNO, _S_IREAD | _S_IWRITE);
  return descriptor;
}

// A call at a place moves the place where others go on: one at a time puts it back.
template <typename Call>
std::ptrdiff_t at(int descriptor, std::uint64_t offset, const Call& call) {
  static std::mutex mutex;
  const std::scoped_lock lock(mutex);
  const auto before = ::_lseeki64(descriptor, 0, SEEK_CUR);
  if (before < 0 || ::_lseeki64(descriptor, static_cast<std::int64_t>(offset), SEEK_SET) < 0) return -1;
  const auto done = call();
  return ::_lseeki64(descriptor, before, SEEK_SET) < 0 ? -1 : done;
}

}  // namespace

int open_to_read(const std::filesystem::path& path) { return open(path, _O_RDONLY); }
int open_at_once(const std::filesystem::path& path) { return open(path, _O_RDONLY); }
int open_to_write(const std::filesystem::path& path) { return open(path, _O_WRONLY); }
int create(const std::filesystem::path& path) { return open(path, _O_WRONLY | _O_CREAT | _O_TRUNC); }

std::ptrdiff_t read(int descriptor, void* to, std::size_t bytes) {
  return ::_read(descriptor, to, static_cast<unsigned>(std::min(bytes, most)));
}

std::ptrdiff_t write(int descriptor, const void* from, std::size_t bytes) {
  return ::_write(descriptor, from, static_cast<unsigned>(std::min(bytes, most)));
}

std::ptrdiff_t read_at(int descriptor, void* to, std::size_t bytes, std::uint64_t offset) {
  return at(descriptor, offset, [&] { return read(descriptor, to, bytes); });
}

std::ptrdiff_t write_at(int descriptor, const void* from, std::size_t bytes, std::uint64_t offset) {
  return at(descriptor, offset, [&] { return write(descriptor, from, bytes); });
}

std::int64_t position(int descriptor) { return ::_lseeki64(descriptor, 0, SEEK_CUR); }

Status status(int descriptor) {
  struct _stat64 found{};
  if (::_fstat64(descriptor, &found) != 0) return {};
  return {
      .is_known = true, .is_regular = (found.st_mode & _S_IFMT) == _S_IFREG, .bytes = static_cast<std::uint64_t>(found.st_size)};
}

bool is_terminal(int descriptor) { return ::_isatty(descriptor) != 0; }

int close(int descriptor) { return ::_close(descriptor); }

}  // namespace ferry::system

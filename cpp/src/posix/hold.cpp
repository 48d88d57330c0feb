#include "hold.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <ferry/ferry.hpp>
#include <system_error>

#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;

// Where the old bundle stands for the moment in which a writer without an exchange puts a new one in its place.
fs::path set_aside(const fs::path& root) { return root.parent_path() / ("." + root.filename().native() + ".ferry-old"); }

// Why it could not be opened as a folder.
std::string problem_of(const fs::path& root, int reason) {
  struct stat found{};
  if (reason == ENOTDIR && ::lstat(root.c_str(), &found) == 0) return "got a file, expected a bundle folder";
  if (reason == ENOENT || reason == ENOTDIR) return "no such folder";
  return "got " + std::generic_category().message(reason) + ", expected a bundle folder";
}

File open_root(const fs::path& root) {
  const std::string name = text::shown(root);
  int descriptor = ::open(root.c_str(), open_flags | O_DIRECTORY);
  if (descriptor < 0 && errno == ENOENT && root.has_filename()) {
    descriptor = ::open(set_aside(root).c_str(), open_flags | O_DIRECTORY | O_NOFOLLOW);
    if (descriptor < 0) descriptor = ::open(root.c_str(), open_flags | O_DIRECTORY);
  }
  if (descriptor >= 0) return {descriptor, name};
  throw Error(ErrorCode::io, (root.empty() ? "''" : name) + ": " + problem_of(root, errno) +  // '': an unset variable
                                 "; check the path or run `ferry export`");
}

// Whether `file` is what stands at `root` now, or is set aside there.
bool stands_at(const File& file, const fs::path& root) {
  struct stat held{};
  struct stat now{};
  if (::fstat(file.descriptor(), &held) != 0) return false;
  if (::stat(root.c_str(), &now) != 0 && (!root.has_filename() || ::stat(set_aside(root).c_str(), &now) != 0)) return false;
  return held.st_dev == now.st_dev && held.st_ino == now.st_ino;
}

}  // namespace

File hold(const fs::path& root) {
  constexpr int attempts = 1000;  // each is a replacement by a writer
  for (int attempt = 0; attempt < attempts; ++attempt) {
    File file = open_root(root);
    ::flock(file.descriptor(), LOCK_SH | LOCK_NB);  // fails without locks, or while it is being removed: seen below
    if (stands_at(file, root)) return file;
  }
  throw Error(ErrorCode::io,
              text::shown(root) + ": got a bundle that is replaced again and again, expected one that stays; stop its writers");
}

}  // namespace ferry

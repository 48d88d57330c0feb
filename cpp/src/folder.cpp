#include "folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ferry/ferry.hpp>

#include "hold.hpp"
#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

constexpr int open_flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
constexpr auto readable_folder = "a readable folder; check its permissions";

struct CloseFolder {
  void operator()(DIR* folder) const noexcept { ::closedir(folder); }
};

// What lies in an opened folder; the names in no order. Throws Error(io).
std::vector<std::pair<std::string, struct stat>> entries_of(const File& folder) {
  const int copy = ::fcntl(folder.descriptor(), F_DUPFD_CLOEXEC, 0);
  const std::unique_ptr<DIR, CloseFolder> stream(copy < 0 ? nullptr : ::fdopendir(copy));
  if (stream == nullptr) {
    if (copy >= 0) ::close(copy);
    throw_io(folder.name(), readable_folder);
  }
  std::vector<std::pair<std::string, struct stat>> entries;
  errno = 0;
  while (const dirent* entry = ::readdir(stream.get())) {
    const std::string name = static_cast<const char*>(entry->d_name);
    struct stat status{};
    if (name == "." || name == "..") continue;
    if (::fstatat(folder.descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) throw_io(folder.name(), readable_folder);
    entries.emplace_back(name, status);
    errno = 0;
  }
  if (errno != 0) throw_io(folder.name(), readable_folder);
  return entries;
}

}  // namespace

std::string Folder::name_of(std::string_view path) const { return text::printable((root_ / path).native()); }

void Folder::refuse_special(std::string_view path) const {
  throw Error(ErrorCode::integrity,
              name_of(path) + ": got a link or special file, expected a regular file; copy the bundle with its files");
}

Folder::Folder(fs::path root) : root_(std::move(root)), held_(std::make_shared<const File>(hold(root_))) {}

bool Folder::has(std::string_view name) const {
  struct stat status{};
  return held_ != nullptr && (::fstatat(held_->descriptor(), std::string(name).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 ||
                              errno != ENOENT);  // what cannot be looked at is there: opening it says why
}

std::map<std::string, std::uint64_t, std::less<>> Folder::list() const {
  std::map<std::string, std::uint64_t, std::less<>> files;
  std::vector<std::string> folders{""};  // relative, each with its "/"; a list, so that no depth exhausts the stack
  while (!folders.empty()) {
    const std::string prefix = std::move(folders.back());
    folders.pop_back();
    const File folder = descend(prefix + ".", O_DIRECTORY);
    if (folder.descriptor() < 0) throw_io(name_of(prefix), readable_folder);
    for (const auto& [name, status] : entries_of(folder)) {
      const std::string path = prefix + name;
      if (S_ISDIR(status.st_mode)) {
        folders.push_back(path + "/");
      } else if (S_ISREG(status.st_mode)) {
        files.emplace(path, static_cast<std::uint64_t>(status.st_size));
      } else {
        refuse_special(path);
      }
    }
  }
  return files;
}

// Opens `path` part by part without following a link; without a descriptor, and with errno, where that fails.
File Folder::descend(std::string_view path, int flags) const {
  const std::string name = name_of(path);
  if (held_ == nullptr) throw Error(ErrorCode::io, name + ": got an empty bundle, expected one that was opened");
  File at(held_->descriptor(), name, false);
  std::string_view rest = path;
  for (std::size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    const std::string part(rest.substr(0, slash));
    File below(::openat(at.descriptor(), part.c_str(), open_flags | O_NOFOLLOW | O_DIRECTORY), name);
    if (below.descriptor() < 0) return below;
    at = std::move(below);
    rest.remove_prefix(slash + 1);
  }
  const std::string last(rest);
  return {::openat(at.descriptor(), last.c_str(), open_flags | flags), name};
}

File Folder::open(std::string_view path) const {
  File file = descend(path, O_NOFOLLOW);
  if (file.descriptor() < 0) {
    if (errno == ELOOP || errno == ENOTDIR || errno == ENXIO) refuse_special(path);
    throw_io(name_of(path), "a readable file; check the path and its permissions");
  }
  if (!file.is_regular()) refuse_special(path);
  return file;
}

std::vector<std::byte> Folder::read(std::string_view path, std::size_t max_bytes) const {
  File file = open(path);
  std::vector<std::byte> bytes(std::min<std::uint64_t>(file.size(), max_bytes));
  bytes.resize(file.read(bytes));
  return bytes;
}

}  // namespace ferry

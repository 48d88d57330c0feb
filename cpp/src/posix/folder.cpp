#include "folder.hpp"

#include "posix_folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <system_error>

#include "hold.hpp"
#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

constexpr int folder_flags = O_RDONLY | O_CLOEXEC | O_DIRECTORY;

[[noreturn]] void fail_folder(const std::string& name) {
  throw_io(name, "a readable folder; check the path and its permissions");
}

}  // namespace

Folder::Folder(fs::path root) : Container(std::move(root)), folder_(hold(this->root())) {}

void Folder::refuse_special(std::string_view path) const {
  throw Error(ErrorCode::integrity, name_of(path) +
                                        ": got a special file, or a link that leads to no file, expected a regular file; copy "
                                        "the bundle with its files");
}

void Folder::refuse(std::string_view path) const {
  if (errno == ELOOP || errno == ENOTDIR || errno == ENXIO) refuse_special(path);
  throw_io(name_of(path), "a readable file; check the path and its permissions");
}

bool Folder::has(std::string_view path) const {
  struct stat status{};
  return ::fstatat(folder_.descriptor(), std::string(path).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

Listing Folder::list(const Paths& listed) const {
  Listing listing;
  std::vector<std::string> folders{""};  // relative, each with its "/"; a list, so that no depth exhausts the stack
  while (!folders.empty()) {
    const std::string prefix = std::move(folders.back());
    folders.pop_back();
    for (const std::string& name : names_in(prefix)) add(prefix + name, listed, listing, folders);
  }
  std::sort(listing.sidecars.begin(), listing.sidecars.end());
  return listing;
}

std::vector<std::string> Folder::names_in(const std::string& prefix) const {
  const std::string path = prefix.empty() ? "." : prefix;
  const int descriptor = ::openat(folder_.descriptor(), path.c_str(), folder_flags | O_NOFOLLOW);
  if (descriptor < 0) fail_folder(name_of(prefix));
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::fdopendir(descriptor), ::closedir);
  if (entries == nullptr) {
    ::close(descriptor);
    fail_folder(name_of(prefix));
  }
  std::vector<std::string> names;
  errno = 0;
  for (const dirent* entry = ::readdir(entries.get()); entry != nullptr; entry = ::readdir(entries.get())) {
    const std::string_view name(static_cast<const char*>(entry->d_name));
    if (name != "." && name != "..") names.emplace_back(name);
    errno = 0;
  }
  if (errno != 0) fail_folder(name_of(prefix));
  std::sort(names.begin(), names.end());
  return names;
}

void Folder::add(const std::string& path, const Paths& listed, Listing& listing, std::vector<std::string>& folders) const {
  struct stat status{};
  if (::fstatat(folder_.descriptor(), path.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) refuse(path);
  const bool is_folder = S_ISDIR(status.st_mode);
  if (is_folder && !is_hidden(path)) {
    folders.push_back(path + "/");
  } else if (!listed.contains(path) && is_sidecar(path) && (is_folder || S_ISREG(status.st_mode) || S_ISLNK(status.st_mode))) {
    listing.sidecars.push_back(is_folder ? path + "/" : path);
  } else {
    listing.sizes.emplace(path, regular_status(folder_.descriptor(), path, path).st_size);
  }
}

struct stat Folder::regular_status(int folder, const std::string& name, std::string_view path) const {
  struct stat status{};
  if (::fstatat(folder, name.c_str(), &status, 0) != 0) {
    if (errno == ENOENT) refuse_special(path);  // a link that leads nowhere
    refuse(path);
  }
  if (!S_ISREG(status.st_mode)) refuse_special(path);
  return status;
}

Content Folder::open(std::string_view path, Links links) const {
  const auto checked = [&](int descriptor) {
    if (descriptor < 0) refuse(path);
    return File(descriptor, name_of(path));
  };
  File at = checked(::fcntl(folder_.descriptor(), F_DUPFD_CLOEXEC, 0));
  std::string_view rest = path;
  for (std::size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    at = checked(::openat(at.descriptor(), std::string(rest.substr(0, slash)).c_str(), folder_flags | O_NOFOLLOW));
    rest.remove_prefix(slash + 1);
  }
  const std::string name(rest);
  struct stat status{};
  if (::fstatat(at.descriptor(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) refuse(path);
  const bool is_link = S_ISLNK(status.st_mode);
  if (is_link && links == Links::refuse) refuse_special(path);
  // Looked at before it is opened: opening a device may already do something.
  static_cast<void>(regular_status(at.descriptor(), name, path));
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  at = checked(::openat(at.descriptor(), name.c_str(), is_link ? flags : flags | O_NOFOLLOW));
  if (!at.is_regular()) refuse_special(path);
  const std::uint64_t size = at.size();
  return {std::make_shared<const File>(std::move(at)), 0, size, is_link};
}

std::shared_ptr<const Container> open_folder(const fs::path& root) { return std::make_shared<const Folder>(root); }

}  // namespace ferry

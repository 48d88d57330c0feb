#include "folder.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ferry/ferry.hpp>
#include <system_error>

#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

[[noreturn]] void fail_io(const std::string& name, const std::error_code& reason) {
  throw Error(ErrorCode::io,
              name + ": got " + reason.message() + ", expected a readable folder; check the path and its permissions");
}

}  // namespace

std::string Folder::name_of(std::string_view path) const { return text::printable((root_ / path).native()); }

void Folder::refuse_special(std::string_view path) const {
  throw Error(ErrorCode::integrity,
              name_of(path) + ": got a link or special file, expected a regular file; copy the bundle with its files");
}

std::map<std::string, std::uint64_t, std::less<>> Folder::list() const {
  std::map<std::string, std::uint64_t, std::less<>> files;
  std::vector<std::string> folders{""};  // relative, each with its "/"; a list, so that no depth exhausts the stack
  while (!folders.empty()) {
    const std::string prefix = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    for (fs::directory_iterator it(root_ / prefix, error), end; !error && it != end; it.increment(error)) {
      const std::string path = prefix + it->path().filename().native();
      const fs::file_type type = it->symlink_status(error).type();
      if (error) break;
      if (type == fs::file_type::directory) {
        folders.push_back(path + "/");
      } else if (type == fs::file_type::regular) {
        files.emplace(path, it->file_size(error));
        if (error) break;
      } else {
        refuse_special(path);
      }
    }
    if (error) fail_io(name_of(prefix), error);
  }
  return files;
}

File Folder::open(std::string_view path) const {
  constexpr int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK;
  const std::string name = name_of(path);
  const auto checked = [&](int descriptor) {
    if (descriptor >= 0) return File(descriptor, name);
    if (errno == ELOOP || errno == ENOTDIR || errno == ENXIO) refuse_special(path);
    throw_io(name, "a readable file; check the path and its permissions");
  };
  File at = checked(::open(root_.c_str(), flags | O_DIRECTORY));
  std::string_view rest = path;
  for (std::size_t slash = rest.find('/'); slash != std::string_view::npos; slash = rest.find('/')) {
    at = checked(::openat(at.descriptor(), std::string(rest.substr(0, slash)).c_str(), flags | O_NOFOLLOW | O_DIRECTORY));
    rest.remove_prefix(slash + 1);
  }
  at = checked(::openat(at.descriptor(), std::string(rest).c_str(), flags | O_NOFOLLOW));
  if (!at.is_regular()) refuse_special(path);
  return at;
}

std::vector<std::byte> Folder::read(std::string_view path, std::size_t max_bytes) const {
  File file = open(path);
  std::vector<std::byte> bytes(std::min<std::uint64_t>(file.size(), max_bytes));
  bytes.resize(file.read(bytes));
  return bytes;
}

}  // namespace ferry

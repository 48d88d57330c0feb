#include "folder.hpp"

#include "windows_folder.hpp"

#include <windows.h>

#include <algorithm>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <system_error>

#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

std::string problem_of(const fs::path& root) {
  std::error_code error;
  const auto status = fs::status(root, error);
  if (!fs::exists(status)) return "no such folder";
  if (!fs::is_directory(status)) return "got a file, expected a bundle folder";
  return "got a folder that cannot be opened, expected a bundle folder";
}

std::shared_ptr<void> hold(const fs::path& root) {
  const HANDLE handle = ::CreateFileW(root.c_str(), FILE_LIST_DIRECTORY, FILE_SHARE_READ | FILE_SHARE_WRITE, nullptr,
                                      OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, nullptr);
  std::error_code error;
  if (handle != INVALID_HANDLE_VALUE && fs::is_directory(root, error)) return {handle, ::CloseHandle};
  if (handle != INVALID_HANDLE_VALUE) ::CloseHandle(handle);
  throw Error(ErrorCode::io,
              (root.empty() ? "''" : text::shown(root)) + ": " + problem_of(root) + "; check the path or run `ferry export`");
}

}  // namespace

Folder::Folder(fs::path root) : Container(std::move(root)), held_(hold(this->root())) {}

fs::path Folder::place_of(std::string_view path) const { return root() / text::path_of(path); }

void Folder::refuse_special(std::string_view path) const {
  throw Error(ErrorCode::integrity, name_of(path) +
                                        ": got a special file, or a link that leads to no file, expected a regular file; copy "
                                        "the bundle with its files");
}

void Folder::fail_folder(std::string_view path, const std::error_code& error) const {
  throw Error(ErrorCode::io,
              name_of(path) + ": got " + error.message() + ", expected a readable folder; check the path and its permissions");
}

bool Folder::has(std::string_view path) const {
  std::error_code error;
  return fs::symlink_status(place_of(path), error).type() != fs::file_type::not_found;
}

std::vector<std::string> Folder::names() const {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(root(), error), end; !error && it != end; it.increment(error))
    names.push_back(text::utf8(it->path().filename()));
  if (error) fail_folder({}, error);
  std::ranges::sort(names);
  return names;
}

Listing Folder::list(const Paths& listed) const {
  Listing listing;
  std::vector<std::string> folders{""};  // relative, each with its "/"; a list, so that no depth exhausts the stack
  while (!folders.empty()) {
    const std::string prefix = std::move(folders.back());
    folders.pop_back();
    std::error_code error;
    for (fs::directory_iterator it(place_of(prefix), error), end; !error && it != end; it.increment(error))
      add(*it, prefix + text::utf8(it->path().filename()), listed, listing, folders);
    if (error) fail_folder(prefix, error);
  }
  std::ranges::sort(listing.sidecars);
  return listing;
}

void Folder::add(const fs::directory_entry& entry, const std::string& path, const Paths& listed, Listing& listing,
                 std::vector<std::string>& folders) const {
  std::error_code error;
  const bool is_link = entry.is_symlink(error);
  const bool is_folder = !is_link && entry.is_directory(error);
  if (is_folder && !is_hidden(path)) {
    folders.push_back(path + "/");
  } else if (!listed.contains(path) && is_sidecar(path) && (is_folder || is_link || entry.is_regular_file(error))) {
    listing.sidecars.push_back(is_folder ? path + "/" : path);
  } else {
    if (!entry.is_regular_file(error)) refuse_special(path);
    listing.sizes.emplace(path, entry.file_size(error));
    if (error) fail_folder(path, error);
  }
}

Content Folder::open(std::string_view path, Links links) const {
  std::error_code error;
  for (std::size_t slash = path.find('/'); slash != std::string_view::npos; slash = path.find('/', slash + 1))
    if (fs::symlink_status(place_of(path.substr(0, slash)), error).type() != fs::file_type::directory) refuse_special(path);
  const auto place = place_of(path);
  const bool is_link = fs::symlink_status(place, error).type() == fs::file_type::symlink;
  const auto status = fs::status(place, error);
  if ((is_link && links == Links::refuse) || (fs::exists(status) && !fs::is_regular_file(status))) refuse_special(path);
  File file = File::open(place);
  if (!file.is_regular()) refuse_special(path);
  const std::uint64_t size = file.size();
  return {std::make_shared<const File>(std::move(file)), 0, size, is_link};
}

std::shared_ptr<const Container> open_folder(const fs::path& root) { return std::make_shared<const Folder>(root); }

}  // namespace ferry

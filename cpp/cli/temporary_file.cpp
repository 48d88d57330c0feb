#include "temporary_file.hpp"

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "ferry/ferry.hpp"
#include "new_files.hpp"
#include "sudden_end.hpp"
#include "terminal.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

namespace fs = std::filesystem;

constexpr auto expected = "a place that can be written; check the folder and its permissions";
constexpr std::size_t max_files = 64;  // further ones are removed by their destructors only

std::array<std::atomic<const fs::path*>, max_files> remembered;  // null where free
std::atomic<const TemporaryFolder::Held*> remembered_folder;

// Makes only calls that POSIX allows in a handler. Another thread may put one more file into the folder meanwhile.
void remove_folder(const TemporaryFolder::Held& folder) noexcept {
  constexpr int attempts = 8;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    for (const auto& file : folder.files) system::remove_file(file);
    if (system::remove_folder(folder.path)) return;
  }
}

void replace_in_slots(const fs::path* old, const fs::path* now) noexcept {
  for (auto& slot : remembered) {
    const auto* held = old;
    if (slot.compare_exchange_strong(held, now)) return;
  }
}

// Makes only calls that POSIX allows in a handler. Also of a process that ends without its destructors: a model took too long.
extern "C" void remove_all_remembered() {
  for (const auto& slot : remembered) {
    if (const auto* path = slot.load()) system::remove_file(*path);
  }
  if (const auto* folder = remembered_folder.load()) remove_folder(*folder);
}

extern "C" void remove_remembered(int signal) {
  remove_all_remembered();
  std::raise(signal);  // its default action follows
}

void clean_up_however_it_ends() {
  system::call_at_ending_signals(remove_remembered);
  system::call_at_sudden_end(remove_all_remembered);
}

// A sibling's path, another for each attempt.
fs::path path_beside(const fs::path& target, int attempt) {
  return target.parent_path() / (".ferry-" + std::to_string(system::process_id()) + "-" + std::to_string(attempt) + ".tmp");
}

// Before anything is computed: the rename finds it out last.
void refuse_long_name(const fs::path& target, const std::string& shown) {
  if (system::is_name_too_long(target)) throw_io(shown, expected);
}

}  // namespace

std::pair<TemporaryFile, File> TemporaryFile::create_beside(const fs::path& target, const std::string& shown) {
  refuse_long_name(target, shown);
  clean_up_however_it_ends();
  for (int attempt = 0;; ++attempt) {
    TemporaryFile temporary(std::make_unique<const fs::path>(path_beside(target, attempt)));
    const int descriptor = system::create_new(*temporary.path_);
    const int reason = errno;
    if (descriptor >= 0) {
      replace_in_slots(nullptr, temporary.path_.get());
      return {std::move(temporary), File(descriptor, shown)};
    }
    temporary.path_.reset();  // it is not ours to remove
    errno = reason;
    if (reason != EEXIST) throw_io(shown, expected);
  }
}

TemporaryFile::~TemporaryFile() {
  if (path_ == nullptr) return;
  system::remove_file(*path_);
  replace_in_slots(path_.get(), nullptr);
}

void TemporaryFile::rename_to(const fs::path& target, const std::string& shown) {
  if (!system::rename(*path_, target)) throw_io(shown, expected);
  replace_in_slots(path_.get(), nullptr);
  path_.reset();
}

TemporaryFolder TemporaryFolder::create_beside(const fs::path& target, const std::vector<std::string>& files,
                                               const std::string& shown) {
  refuse_long_name(target, shown);
  clean_up_however_it_ends();
  for (int attempt = 0;; ++attempt) {
    Held held{.path = path_beside(target, attempt), .files = {}};
    held.files.push_back(path_beside(held.path / "", 0));  // of the one that is being written
    for (const auto& file : files) held.files.push_back(held.path / text::path_of(file));
    const fs::path path = held.path;
    auto kept = std::make_unique<const Held>(std::move(held));
    if (system::create_new_folder(path)) {
      remembered_folder = kept.get();
      return TemporaryFolder(std::move(kept));
    }
    if (errno != EEXIST) throw_io(shown, expected);
  }
}

TemporaryFolder::~TemporaryFolder() {
  if (held_ == nullptr) return;
  remove_folder(*held_);
  remembered_folder = nullptr;
}

void TemporaryFolder::rename_to(const fs::path& target, const std::string& shown) {
  if (!system::rename(held_->path, target)) throw_io(shown, expected);
  remembered_folder = nullptr;
  held_.reset();
}

}  // namespace ferry::cli

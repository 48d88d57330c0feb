#include "temporary_file.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <system_error>

#include "ferry/ferry.hpp"

namespace ferry::cli {

namespace {

namespace fs = std::filesystem;

constexpr auto expected = "a place that can be written; check the folder and its permissions";
constexpr std::size_t max_files = 64;  // further ones are removed by their destructors only

std::array<std::atomic<const char*>, max_files> remembered;  // null where free

void replace_in_slots(const char* old, const char* now) noexcept {
  for (auto& slot : remembered) {
    const char* held = old;
    if (slot.compare_exchange_strong(held, now)) return;
  }
}

// Makes only calls that POSIX allows in a handler. Also of a process that ends without its destructors: a model took too long.
extern "C" void remove_all_remembered() {
  for (const auto& slot : remembered) {
    if (const char* path = slot.load()) ::unlink(path);
  }
}

extern "C" void remove_remembered(int signal) {
  remove_all_remembered();
  ::raise(signal);  // its default action follows: SA_RESETHAND
}

void clean_up_on_quick_exit() {
  static const bool once = std::at_quick_exit(remove_all_remembered) == 0;
  static_cast<void>(once);
}

void clean_up_on(int signal) {
  struct sigaction action{};
  if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;  // nohup ignores SIGHUP
  action.sa_handler = remove_remembered;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(signal, &action, nullptr);
}

}  // namespace

std::pair<TemporaryFile, File> TemporaryFile::create_beside(const fs::path& target, const std::string& shown) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) clean_up_on(signal);
  clean_up_on_quick_exit();
  for (int attempt = 0;; ++attempt) {
    const auto name = ".ferry-" + std::to_string(::getpid()) + "-" + std::to_string(attempt) + ".tmp";
    TemporaryFile temporary(std::make_unique<const std::string>(target.parent_path() / name));
    const int descriptor = ::open(temporary.path_->c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    const int reason = errno;
    if (descriptor >= 0) {
      replace_in_slots(nullptr, temporary.path_->c_str());
      return {std::move(temporary), File(descriptor, shown)};
    }
    temporary.path_.reset();  // it is not ours to remove
    errno = reason;
    if (reason != EEXIST) throw_io(shown, expected);
  }
}

TemporaryFile::~TemporaryFile() {
  if (path_ == nullptr) return;
  ::unlink(path_->c_str());
  replace_in_slots(path_->c_str(), nullptr);
}

void TemporaryFile::rename_to(const fs::path& target, const std::string& shown) {
  if (::rename(path_->c_str(), target.c_str()) != 0) throw_io(shown, expected);
  replace_in_slots(path_->c_str(), nullptr);
  path_.reset();
}

}  // namespace ferry::cli

// Other programs. cpp/windows/program.hpp is its twin.
#pragma once

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <system_error>
#include <vector>

#include "held_signals.hpp"

#ifdef __APPLE__
#include <crt_externs.h>
#else
extern "C" char** environ;  // NOLINT(*-redundant-declaration): POSIX has it in no header, glibc in one
#endif

namespace ferry::system {

inline constexpr auto default_path = "/usr/bin:/bin";

[[nodiscard]] inline bool is_program(const std::filesystem::path& path) {
  std::error_code error;
  return std::filesystem::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

[[nodiscard]] inline char** environment() noexcept {
#ifdef __APPLE__
  return *::_NSGetEnviron();  // a plugin has no variable `environ` there
#else
  return environ;
#endif
}

// A host program may ignore SIGCHLD. A compiler that inherited that could not wait for its own parts. What this thread holds
// back ends the compiler at once.
class DefaultSignals {
 public:
  explicit DefaultSignals(const HeldSignals& held) noexcept {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGCHLD);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setsigmask(&attributes_, &held.before());
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  DefaultSignals(const DefaultSignals&) = delete;
  DefaultSignals& operator=(const DefaultSignals&) = delete;
  ~DefaultSignals() { ::posix_spawnattr_destroy(&attributes_); }

  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// Runs a program without input, and with the signals that came before those which are held; what it says goes to the file
// `log`. False where it is known to have failed.
[[nodiscard]] inline bool run_program(const std::vector<std::string>& words, const std::string& log, const HeldSignals& held) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));  // NOLINT(*-const-cast): POSIX's signature
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t child = 0;
  const DefaultSignals signals(held);
  const int failure = ::posix_spawnp(&child, arguments[0], &actions, signals.get(), arguments.data(), environment());
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno == ECHILD) return true;  // the host program ignores SIGCHLD, and nobody gets the status: the object speaks
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

}  // namespace ferry::system

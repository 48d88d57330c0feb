// What a program does at its start and its end. cpp/windows/terminal.hpp is its twin.
#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

namespace ferry::system {

// The words of the command line, as UTF-8 where the system says what they are.
[[nodiscard]] inline std::vector<std::string> command_line(int count, char** words) { return {words, words + count}; }

// A file that is opened later must not take the place of a closed stdin, stdout or stderr, where the program would then read
// or write. These are opened the wrong way round, so that reading and writing fail as before.
inline void prepare_standard_streams() noexcept {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) < 0)
      static_cast<void>(::open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY));
  }
}

// A closed stdout is then an error of `write` like any other, and so is a file that may not grow.
inline void ignore_failing_writes() noexcept {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
}

inline void call_on(int signal, void (*handler)(int)) noexcept {
  struct sigaction action{};
  if (::sigaction(signal, nullptr, &action) != 0 || action.sa_handler != SIG_DFL) return;  // nohup ignores SIGHUP
  action.sa_handler = handler;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  ::sigaction(signal, &action, nullptr);
}

// Calls `handler` once when a signal would end the process, and not for signals that it ignores.
inline void call_at_ending_signals(void (*handler)(int)) noexcept {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) call_on(signal, handler);
}

}  // namespace ferry::system

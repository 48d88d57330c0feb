// Signals that wait. For libferry and for plugins: the standard library and POSIX only.
#pragma once

#include <csignal>

namespace ferry {

// Keeps signals that would end the process from this thread as long as it lives; they come when it has gone.
class HeldSignals {
 public:
  HeldSignals() noexcept {
    sigset_t ending;
    ::sigemptyset(&ending);
    for (const int signal : {SIGINT, SIGTERM, SIGHUP}) ::sigaddset(&ending, signal);
    ::pthread_sigmask(SIG_BLOCK, &ending, &before_);
  }
  HeldSignals(const HeldSignals&) = delete;
  HeldSignals& operator=(const HeldSignals&) = delete;
  ~HeldSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

  // What the thread had before: for a child, which is to be ended at once.
  [[nodiscard]] const sigset_t& before() const noexcept { return before_; }

 private:
  sigset_t before_{};
};

}  // namespace ferry

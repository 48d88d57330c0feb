#include "isolation/cell_process.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <ferry/ferry.hpp>
#include <optional>

extern "C" char** environ;  // NOLINT(*-redundant-declaration): POSIX has it in no header, glibc in one

namespace ferry::isolation {

namespace {

// Does this process ignore a signal that a terminal sends to all of its programs?
bool ignores(int signal) noexcept {
  struct sigaction action{};
  return ::sigaction(signal, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

// How the child starts: no signal blocked, and none ignored but those by which a terminal would end it alone: a shell's
// background job and `nohup` ignore them.
class FreshStart {
 public:
  FreshStart(int socket, int page) {
    sigset_t all;
    sigset_t none;
    ::sigfillset(&all);
    for (const int signal : {SIGINT, SIGQUIT, SIGHUP})
      if (ignores(signal)) ::sigdelset(&all, signal);
    ::sigemptyset(&none);
    ::posix_spawnattr_init(&attributes);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);  // stdout holds answers
    ::posix_spawn_file_actions_adddup2(&actions, socket, socket_descriptor);
    ::posix_spawn_file_actions_adddup2(&actions, page, page_descriptor);
  }
  FreshStart(const FreshStart&) = delete;
  FreshStart& operator=(const FreshStart&) = delete;
  ~FreshStart() {
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&actions);
  }

  posix_spawnattr_t attributes{};
  posix_spawn_file_actions_t actions{};
};

// A copy above the numbers that the child's descriptors get: none of them overwrites another there.
File moved_up(const File& file) {
  constexpr int first_free = page_descriptor + 1;
  const int copy = ::fcntl(file.descriptor(), F_DUPFD_CLOEXEC, first_free);
  if (copy < 0) throw_io("isolation", "a free descriptor");
  return {copy, "isolation"};
}

std::optional<::rlim_t> used_processor_seconds(::pid_t process) noexcept {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return std::nullopt;
  return static_cast<::rlim_t>(used.tv_sec);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> found;
  found.reserve(texts.size() + 1);
  for (auto& text : texts) found.push_back(text.data());
  found.push_back(nullptr);
  return found;
}

}  // namespace

CellProcess::CellProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments, const File& socket,
                         const File& page)
    : handle_(-1, "isolation") {
  const auto high_socket = moved_up(socket);
  const auto high_page = moved_up(page);
  const FreshStart start(high_socket.descriptor(), high_page.descriptor());
  std::vector<std::string> words{program.string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  const int failure =
      ::posix_spawn(&process_, program.c_str(), &start.actions, &start.attributes, pointers(words).data(), environ);
  if (failure != 0)
    throw Error(ErrorCode::unavailable, "--isolate: " + program.string() + ": got " + std::strerror(failure) +
                                            ", expected a program that starts; install ferry again");
  handle_ = File(static_cast<int>(::syscall(SYS_pidfd_open, process_, 0)), "isolation");
}

CellProcess::~CellProcess() {
  kill();
  reap(0);
}

bool CellProcess::reap(int options) noexcept {
  while (!ended_) {
    const auto found = ::waitpid(process_, &status_, options);
    if (found == process_) {
      ended_ = true;
    } else if (found < 0 && errno == ECHILD) {  // the host program ignores SIGCHLD, or waits for every child
      ended_ = true;
      is_known_ = false;
    } else if (found == 0 || errno != EINTR) {
      break;
    }
  }
  return ended_;
}

bool CellProcess::has_ended() noexcept { return reap(WNOHANG); }

void CellProcess::kill() noexcept {
  if (ended_) return;
  if (handle_.descriptor() >= 0)
    ::syscall(SYS_pidfd_send_signal, handle_.descriptor(), SIGKILL, nullptr, 0);
  else
    ::kill(process_, SIGKILL);
}

std::string CellProcess::ending() const {
  if (!is_known_) return "got its end, nobody knows how";
  if (!WIFSIGNALED(status_)) return "got its end with code " + std::to_string(WEXITSTATUS(status_));
  const int signal = WTERMSIG(status_);
  if (signal == SIGSYS) return "got a forbidden wish of the model (a new file, a program, a process or a socket)";
  if (signal == SIGXCPU) return overrun;
  if (signal == SIGKILL) return "got a kill from outside, perhaps for lack of memory";
  const char* name = ::sigabbrev_np(signal);
  return std::string("got a crash (SIG") + (name == nullptr ? "?" : name) + ")";
}

bool CellProcess::lacked_memory() const noexcept {
  return ended_ && is_known_ && WIFEXITED(status_) && WEXITSTATUS(status_) == out_of_memory;
}

void CellProcess::allow_processor_seconds(std::uint64_t seconds) const noexcept {
  const auto used = used_processor_seconds(process_);
  if (!used) return;
  const rlimit both{*used + seconds + 2, RLIM_INFINITY};
  ::prlimit(process_, RLIMIT_CPU, &both, nullptr);
}

bool CellProcess::has_overrun() const noexcept {
  // Whoever ignores the kernel's signal gets a limit that is one second higher, again and again.
  const auto used = used_processor_seconds(process_);
  rlimit limit{};
  return used && ::prlimit(process_, RLIMIT_CPU, nullptr, &limit) == 0 && *used + 1 >= limit.rlim_cur;
}

}  // namespace ferry::isolation

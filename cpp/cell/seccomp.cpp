#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>

#include "ferry/ferry.hpp"
#include "sandbox.hpp"

namespace ferry::cell {

namespace {

using Filter = std::unique_ptr<void, void (*)(scmp_filter_ctx)>;
using Calls = std::initializer_list<int>;

// What runtimes need to compute, to ask about the machine, to read libraries and to use threads.
constexpr Calls harmless = {
    SCMP_SYS(read),
    SCMP_SYS(readv),
    SCMP_SYS(pread64),
    SCMP_SYS(write),
    SCMP_SYS(writev),
    SCMP_SYS(close),
    SCMP_SYS(lseek),
    SCMP_SYS(fstat),
    SCMP_SYS(stat),
    SCMP_SYS(lstat),
    SCMP_SYS(newfstatat),
    SCMP_SYS(statx),
    SCMP_SYS(statfs),
    SCMP_SYS(fstatfs),
    SCMP_SYS(access),
    SCMP_SYS(faccessat),
    SCMP_SYS(faccessat2),
    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat),
    SCMP_SYS(getcwd),
    SCMP_SYS(getdents64),
    SCMP_SYS(mprotect),
    SCMP_SYS(munmap),
    SCMP_SYS(mremap),
    SCMP_SYS(madvise),
    SCMP_SYS(brk),
    SCMP_SYS(membarrier),
    SCMP_SYS(futex),
    SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(rt_sigreturn),
    SCMP_SYS(sigaltstack),
    SCMP_SYS(restart_syscall),
    SCMP_SYS(set_robust_list),
    SCMP_SYS(rseq),
    SCMP_SYS(set_tid_address),
    SCMP_SYS(sched_yield),
    SCMP_SYS(sched_getaffinity),
    SCMP_SYS(sched_setaffinity),
    SCMP_SYS(sched_getparam),
    SCMP_SYS(sched_getscheduler),
    SCMP_SYS(sched_get_priority_max),
    SCMP_SYS(sched_get_priority_min),
    SCMP_SYS(getcpu),
    SCMP_SYS(get_mempolicy),
    SCMP_SYS(getpid),
    SCMP_SYS(gettid),
    SCMP_SYS(getppid),
    SCMP_SYS(getuid),
    SCMP_SYS(geteuid),
    SCMP_SYS(getgid),
    SCMP_SYS(getegid),
    SCMP_SYS(uname),
    SCMP_SYS(sysinfo),
    SCMP_SYS(getrusage),
    SCMP_SYS(times),
    SCMP_SYS(getrlimit),
    SCMP_SYS(clock_gettime),
    SCMP_SYS(clock_getres),
    SCMP_SYS(gettimeofday),
    SCMP_SYS(time),
    SCMP_SYS(clock_nanosleep),
    SCMP_SYS(nanosleep),
    SCMP_SYS(getrandom),
    SCMP_SYS(arch_prctl),
    SCMP_SYS(poll),
    SCMP_SYS(ppoll),
    SCMP_SYS(epoll_create1),
    SCMP_SYS(epoll_ctl),
    SCMP_SYS(epoll_wait),
    SCMP_SYS(eventfd2),
    SCMP_SYS(recvmsg),
    SCMP_SYS(exit),
    SCMP_SYS(exit_group),
};

// What only an attack asks for.
constexpr Calls hostile = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(socket),
    SCMP_SYS(socketpair),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(accept),
    SCMP_SYS(accept4),
    SCMP_SYS(sendto),
    SCMP_SYS(sendmsg),
    SCMP_SYS(sendmmsg),
    SCMP_SYS(ptrace),
    SCMP_SYS(kill),
    SCMP_SYS(tkill),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(pidfd_open),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(mount),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(umount2),
    SCMP_SYS(chroot),
    SCMP_SYS(pivot_root),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(bpf),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(init_module),
    SCMP_SYS(setuid),
    SCMP_SYS(setgid),
    SCMP_SYS(kexec_load),
    SCMP_SYS(reboot),
    SCMP_SYS(memfd_create),
};

// What an engine of machine code needs in its scratch folder. Otherwise calls that make or change files fail: ONNX Runtime tries
// some in the user's home for itself, and goes on without.
constexpr Calls scratch_calls = {SCMP_SYS(mkdir),    SCMP_SYS(mkdirat), SCMP_SYS(unlink),
                                 SCMP_SYS(unlinkat), SCMP_SYS(rmdir),   SCMP_SYS(ftruncate)};

[[noreturn]] void fail() {
  throw Error(ErrorCode::unavailable, "isolation: seccomp: got a kernel that refuses the filter, expected it to take it");
}

template <typename... Conditions>
void add(const Filter& filter, std::uint32_t action, int call, Conditions... conditions) {
  const int result = ::seccomp_rule_add(filter.get(), action, call, sizeof...(conditions), conditions...);
  if (result != 0 && result != -EACCES) fail();  // -EACCES: it is the filter's default already
}

void add_all(const Filter& filter, std::uint32_t action, Calls calls) {
  for (const int call : calls) add(filter, action, call);
}

// Opening a file: for reading, with nothing made. The kernel's flags are argument 1 of open and 2 of openat.
void add_opening(const Filter& filter) {
  constexpr scmp_datum_t mask = O_ACCMODE | O_CREAT | O_TRUNC;
  add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));
  add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, mask, O_RDONLY));
}

// No runtime makes a file by itself where it may not.
void kill_making(const Filter& filter) {
  add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(open), SCMP_A1(SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT));
  add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(openat), SCMP_A2(SCMP_CMP_MASKED_EQ, O_CREAT, O_CREAT));
}

// Threads, and no processes. What clone3 wants lies in memory, where no filter looks: glibc then takes clone.
void add_threads(const Filter& filter) {
  add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
  add(filter, SCMP_ACT_KILL_PROCESS, SCMP_SYS(clone), SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
  add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3));
}

// Memory, but none that is shared and has no file: no limit on a process's data counts that.
void add_memory(const Filter& filter) {
  constexpr scmp_datum_t mask = MAP_SHARED | MAP_ANONYMOUS;
  for (const scmp_datum_t flags : {0, MAP_SHARED, MAP_ANONYMOUS})
    add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), SCMP_A3(SCMP_CMP_MASKED_EQ, mask, flags));
}

// Calls that are harmless with some arguments.
void add_narrow(const Filter& filter) {
  constexpr int set_name = 15;  // PR_SET_NAME
  constexpr int get_name = 16;
  constexpr int set_vma = 0x53564d41;  // names for memory
  for (const int option : {set_name, get_name, set_vma})
    add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(option)));
  add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), SCMP_A0(SCMP_CMP_EQ, 0), SCMP_A2(SCMP_CMP_EQ, 0));
  add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), SCMP_A0(SCMP_CMP_EQ, static_cast<scmp_datum_t>(::getpid())));  // abort
  for (const int command : {F_GETFD, F_SETFD, F_GETFL, F_DUPFD_CLOEXEC})
    add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), SCMP_A1(SCMP_CMP_EQ, static_cast<scmp_datum_t>(command)));
}

Filter new_filter(std::uint32_t fallback) {
  Filter filter(::seccomp_init(fallback), ::seccomp_release);
  if (filter == nullptr || ::seccomp_attr_set(filter.get(), SCMP_FLTATR_CTL_TSYNC, 1) != 0) fail();
  return filter;
}

void load(const Filter& filter) {
  if (::seccomp_load(filter.get()) != 0) fail();
}

}  // namespace

void restrict_calls(Writes writes) {
  const auto filter = new_filter(SCMP_ACT_ERRNO(EPERM));
  add_all(filter, SCMP_ACT_ALLOW, harmless);
  add_all(filter, SCMP_ACT_KILL_PROCESS, hostile);
  add_threads(filter);
  add_memory(filter);
  add_narrow(filter);
  add_all(filter, SCMP_ACT_ALLOW, {SCMP_SYS(seccomp)});
  if (writes == Writes::scratch) {
    add_all(filter, SCMP_ACT_ALLOW, {SCMP_SYS(open), SCMP_SYS(openat)});
    add_all(filter, SCMP_ACT_ALLOW, scratch_calls);
    // The second stage needs Landlock again.
    add_all(filter, SCMP_ACT_ALLOW,
            {SCMP_SYS(landlock_create_ruleset), SCMP_SYS(landlock_add_rule), SCMP_SYS(landlock_restrict_self)});
    add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), SCMP_A0(SCMP_CMP_EQ, 38));  // PR_SET_NO_NEW_PRIVS
  } else {
    add_opening(filter);
    kill_making(filter);
  }
  load(filter);
}

}  // namespace ferry::cell

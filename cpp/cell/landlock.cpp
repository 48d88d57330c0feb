#include <fcntl.h>
#include <link.h>
#include <linux/landlock.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <set>
#include <string>

#include "ferry/ferry.hpp"
#include "file.hpp"
#include "isolation/support.hpp"
#include "sandbox.hpp"

namespace ferry::cell {

namespace {

namespace fs = std::filesystem;

// The kernel's struct of interface version 6; older headers have only its beginning.
struct Ruleset {
  std::uint64_t files;
  std::uint64_t network;
  std::uint64_t scopes;
};

constexpr std::uint64_t read_rights = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
constexpr std::uint64_t scratch_rights = read_rights | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG |
                                         LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                                         LANDLOCK_ACCESS_FS_REMOVE_DIR;
constexpr std::uint64_t network_rights = 3;  // bind and connect, since version 4
constexpr std::uint64_t both_scopes = 3;     // abstract sockets and signals, since version 6

// Every right over files that a version knows: 13 in the first, then refer, truncate and, in the fifth, ioctl of devices.
std::uint64_t every_file_right(int version) {
  const int count = 13 + (version >= 2 ? 1 : 0) + (version >= 3 ? 1 : 0) + (version >= 5 ? 1 : 0);
  return (std::uint64_t{1} << static_cast<unsigned>(count)) - 1;
}

std::size_t size_for(int version) {
  if (version < 4) return offsetof(Ruleset, network);
  return version < 6 ? offsetof(Ruleset, scopes) : sizeof(Ruleset);
}

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorCode::unavailable,
              "isolation: " + what + ": got " + std::strerror(errno) + ", expected the kernel to allow it");
}

// The folders of all libraries that are loaded, and the program's.
std::set<fs::path> library_folders() {
  std::set<fs::path> folders{"/lib", "/lib64", "/usr/lib", "/usr/lib64", "/usr/local/lib"};
  ::dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t /*size*/, void* context) {
        const fs::path library(info->dlpi_name);
        std::error_code error;
        if (library.is_absolute()) static_cast<std::set<fs::path>*>(context)->insert(fs::canonical(library, error).parent_path());
        return 0;
      },
      &folders);
  return folders;
}

void allow(const File& ruleset, const fs::path& path, std::uint64_t rights) {
  const File place(::open(path.c_str(), O_PATH | O_CLOEXEC), path.string());
  if (place.descriptor() < 0) return;  // what is not there cannot be read either
  struct stat status{};
  const bool is_folder = ::fstat(place.descriptor(), &status) == 0 && S_ISDIR(status.st_mode);
  landlock_path_beneath_attr rule{};
  rule.allowed_access = is_folder ? rights : rights & LANDLOCK_ACCESS_FS_READ_FILE;
  rule.parent_fd = place.descriptor();
  if (::syscall(SYS_landlock_add_rule, ruleset.descriptor(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) != 0)
    fail("Landlock: " + path.string());
}

}  // namespace

void restrict_files(Writes writes, const fs::path& scratch) {
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) fail("no new privileges");
  const int version = isolation::landlock_version();
  if (version == 0) {
    errno = ENOSYS;
    fail("Landlock");
  }
  const Ruleset attributes{every_file_right(version), network_rights, both_scopes};
  const File ruleset(static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, size_for(version), 0)), "Landlock");
  if (ruleset.descriptor() < 0) fail("Landlock");
  for (const auto& folder : library_folders()) allow(ruleset, folder, read_rights);
  for (const char* path : {"/etc/ld.so.cache", "/proc/cpuinfo", "/proc/meminfo", "/proc/self", "/proc/sys/vm",
                           "/sys/devices/system", "/sys/kernel/mm", "/sys/fs/cgroup", "/dev/null", "/dev/urandom"})
    allow(ruleset, path, read_rights);
  if (writes == Writes::scratch) allow(ruleset, scratch, scratch_rights);
  if (::syscall(SYS_landlock_restrict_self, ruleset.descriptor(), 0) != 0) fail("Landlock");
}

void limit_resources(std::uint64_t memory_bytes) {
  constexpr ::rlim_t descriptors = 256;
  const auto limit = [](auto resource, ::rlim_t value) {
    const rlimit both{value, value};
    if (::setrlimit(resource, &both) != 0) fail("limits of the process");
  };
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_NOFILE, descriptors);
  limit(RLIMIT_DATA, memory_bytes);
}

}  // namespace ferry::cell

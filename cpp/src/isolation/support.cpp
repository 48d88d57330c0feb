#include "isolation/support.hpp"

#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "engine_library.hpp"
#include "isolation/isolation.hpp"

namespace ferry::isolation {

int landlock_version() noexcept {
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return static_cast<int>(std::max(version, 0L));
}

namespace {

bool has_cell() {
  return std::ranges::any_of(engine_folders(), [](const auto& folder) {
    std::error_code error;
    return std::filesystem::is_regular_file(folder / cell_program, error);
  });
}

}  // namespace

std::string why_not() {
  // A kernel with filters looks at the null pointer first.
  const bool has_filters = ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) == 0 || errno == EFAULT;
  if (!has_filters) return "got a kernel without seccomp filters, expected one with them";
  if (landlock_version() == 0) return "got a kernel without Landlock, expected one with it (Linux 5.13)";
  if (::access("/dev/null", R_OK) != 0) return "got a system without /dev/null, expected one with it";
  return has_cell() ? "" : std::string("got no program ") + cell_program + " beside the engines, expected it there";
}

}  // namespace ferry::isolation

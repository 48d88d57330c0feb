#include "isolation/support.hpp"

#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "isolation/isolation.hpp"

namespace ferry::isolation {

int landlock_version() noexcept {
  const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
  return static_cast<int>(std::max(version, 0L));
}

std::string why_not() {
  // A kernel with filters looks at the null pointer first.
  const bool has_filters = ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, nullptr, 0, 0) == 0 || errno == EFAULT;
  return has_filters ? "" : "got a kernel without seccomp filters, expected one with them";
}

std::string shortcoming() {
  if (auto reason = why_not(); !reason.empty()) return reason;
  return landlock_version() > 0
             ? ""
             : "got a kernel without Landlock, expected it: a model may read what you may read, and write nothing";
}

}  // namespace ferry::isolation

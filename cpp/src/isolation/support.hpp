// What this machine's kernel offers to isolation.
#pragma once

namespace ferry::isolation {

// The version of Landlock's interface; 0 where the kernel has none.
[[nodiscard]] int landlock_version() noexcept;

}  // namespace ferry::isolation

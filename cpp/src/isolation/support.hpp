// What this machine's kernel offers to isolation.
#pragma once

namespace ferry::isolation {

// The version of Landlock's interface; 0 where the kernel has none.
[[nodiscard]] int landlock_version() noexcept;

// The program of a cell, which lies beside the plugins.
inline constexpr auto cell_program = "ferry-cell";

}  // namespace ferry::isolation

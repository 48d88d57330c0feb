// What a cell gives up before it sees a byte of the bundle, for good.
#pragma once

#include <cstdint>
#include <filesystem>

namespace ferry::cell {

// No more than `memory_bytes` of data, no core file, few descriptors. Throws Error(unavailable).
void limit_resources(std::uint64_t memory_bytes);

enum class Writes { nothing, scratch };

// Landlock: from now on the process reads the folders of the libraries that it has loaded, and the system's, and the kernel's
// lists of processors; with Writes::scratch it also makes files in `scratch`. It reaches no other process.
// Throws Error(unavailable) where the kernel has no Landlock or refuses.
void restrict_files(Writes writes, const std::filesystem::path& scratch);

// seccomp: a list of the system's calls that computing needs; others fail, and the calls of an attack end the process. Throws
// Error(unavailable) where the kernel refuses.
void restrict_calls(Writes writes);

}  // namespace ferry::cell

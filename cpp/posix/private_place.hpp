// A folder that nobody else may enter. cpp/windows/private_place.hpp is its twin.
#pragma once

#include <sys/statvfs.h>
#include <unistd.h>

#include <cstdlib>
#include <string>

namespace ferry::system {

// Makes the folder; `path` begins its name, and gets the rest. False where it failed.
[[nodiscard]] inline bool make_private_folder(std::string& path) {
  path += "XXXXXX";
  return ::mkdtemp(path.data()) != nullptr;
}

// These take no memory.
inline void remove_file(const char* path) noexcept { ::unlink(path); }
[[nodiscard]] inline bool remove_empty_folder(const char* path) noexcept { return ::rmdir(path) == 0; }

// Whether no program may be loaded from there.
[[nodiscard]] inline bool forbids_programs([[maybe_unused]] const std::string& folder) {
#ifdef ST_NOEXEC
  struct statvfs found{};
  return ::statvfs(folder.c_str(), &found) == 0 && (found.f_flag & ST_NOEXEC) != 0;
#else
  return false;  // macOS and WebAssembly do not say
#endif
}

}  // namespace ferry::system

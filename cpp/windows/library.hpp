// Shared libraries that are opened while the program runs. For libferry and for plugins. cpp/posix/library.hpp is its twin.
#pragma once

#include <windows.h>

#include <filesystem>
#include <new>
#include <string>
#include <string_view>
#include <system_error>

namespace ferry::system {

inline constexpr std::string_view plugin_suffix = ".dll";
inline constexpr char path_separator = ';';  // between the folders of a variable

[[nodiscard]] inline std::string last_problem() { return std::system_category().message(static_cast<int>(::GetLastError())); }

// Opens the library for the life of the process; null where it does not load, and then `reason` says why. What it needs is
// looked for beside it and among the system's, never in the working folder. Throws bad_alloc.
[[nodiscard]] inline void* open_library(const std::filesystem::path& path, std::string& reason) {
  constexpr DWORD places = LOAD_LIBRARY_SEARCH_DLL_LOAD_DIR | LOAD_LIBRARY_SEARCH_DEFAULT_DIRS;
  auto absolute = std::filesystem::absolute(path);
  const auto library = ::LoadLibraryExW(absolute.make_preferred().c_str(), nullptr, places);
  if (library != nullptr) return reinterpret_cast<void*>(library);
  if (::GetLastError() == ERROR_NOT_ENOUGH_MEMORY) throw std::bad_alloc();
  reason = last_problem();
  return nullptr;
}

// Null where the library has no such name.
[[nodiscard]] inline void* find_symbol(void* library, const char* name, std::string& reason) {
  const auto symbol = ::GetProcAddress(static_cast<HMODULE>(library), name);
  if (symbol == nullptr) reason = last_problem();
  return reinterpret_cast<void*>(symbol);
}

}  // namespace ferry::system

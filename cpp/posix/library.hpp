// Shared libraries that are opened while the program runs. For libferry and for plugins. cpp/windows/library.hpp is its twin.
#pragma once

#include <dlfcn.h>

#include <cerrno>
#include <filesystem>
#include <new>
#include <string>
#include <string_view>

namespace ferry::system {

inline constexpr std::string_view plugin_suffix = ".so";
inline constexpr char path_separator = ':';  // between the folders of a variable

// Opens the library for the life of the process; null where it does not load, and then `reason` says why. Throws bad_alloc.
[[nodiscard]] inline void* open_library(const std::filesystem::path& path, std::string& reason) {
  errno = 0;
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  if (errno == ENOMEM) throw std::bad_alloc();
  const char* words = ::dlerror();
  reason = words == nullptr ? "an unknown reason" : words;
  return nullptr;
}

// Null where the library has no such name.
[[nodiscard]] inline void* find_symbol(void* library, const char* name, std::string& reason) {
  void* symbol = ::dlsym(library, name);
  if (symbol != nullptr) return symbol;
  const char* words = ::dlerror();
  reason = words == nullptr ? "an unknown reason" : words;
  return nullptr;
}

}  // namespace ferry::system

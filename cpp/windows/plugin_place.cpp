#include "plugin_place.hpp"

#include <windows.h>

namespace ferry::system {

std::filesystem::path own_folder() {
  constexpr DWORD by_address = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
  constexpr std::size_t longest = 32768;  // characters of a path
  HMODULE module = nullptr;
  if (::GetModuleHandleExW(by_address, reinterpret_cast<LPCWSTR>(&own_folder), &module) == 0) return {};
  std::wstring file(longest, L'\0');
  file.resize(::GetModuleFileNameW(module, file.data(), static_cast<DWORD>(file.size())));
  return std::filesystem::path(file).parent_path();
}

bool belongs_to_others(const std::filesystem::path& /*path*/) { return false; }

std::string_view problem_of_library_path() { return {}; }

}  // namespace ferry::system

// What this machine calls itself. For libferry and for plugins. cpp/posix/processor.hpp is its twin.
#pragma once

#include <windows.h>

#include <cstdlib>
#include <string>

namespace ferry {

struct System {
  std::string name;     // "Windows"
  std::string release;  // "10.0"
  std::string machine;  // "x86_64"
};

[[nodiscard]] inline System describe_system() {
#if defined(__aarch64__)
  constexpr auto machine = "aarch64";
#else
  constexpr auto machine = "x86_64";
#endif
  OSVERSIONINFOW found{};
  found.dwOSVersionInfoSize = sizeof found;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
  ::GetVersionExW(&found);  // at most what the program is declared for
#pragma GCC diagnostic pop
  return {"Windows", std::to_string(found.dwMajorVersion) + "." + std::to_string(found.dwMinorVersion), machine};
}

[[nodiscard]] inline std::string processor_name() {
  const char* found = std::getenv("PROCESSOR_IDENTIFIER");
  return found == nullptr ? describe_system().machine : found;
}

}  // namespace ferry

// What this machine calls itself. For libferry and for plugins. cpp/windows/processor.hpp is its twin.
#pragma once

#include <sys/utsname.h>

#include <fstream>
#include <string>

namespace ferry {

struct System {
  std::string name;     // "Linux"
  std::string release;  // "6.1.0"
  std::string machine;  // "x86_64"
};

[[nodiscard]] inline System describe_system() {
  utsname system{};
  ::uname(&system);
  return {static_cast<const char*>(system.sysname), static_cast<const char*>(system.release),
          static_cast<const char*>(system.machine)};
}

// The first `model name` of /proc/cpuinfo, else the machine's architecture.
[[nodiscard]] inline std::string processor_name() {
  std::ifstream cpuinfo("/proc/cpuinfo");
  cpuinfo.exceptions(std::ios::badbit);  // lack of memory is no other processor
  for (std::string line; std::getline(cpuinfo, line);) {
    if (!line.starts_with("model name")) continue;
    const auto first = line.find_first_not_of(" \t", line.find(':') + 1);
    if (first == std::string::npos) break;
    return line.substr(first, line.find_last_not_of(" \t") - first + 1);
  }
  return describe_system().machine;
}

}  // namespace ferry

#include "machine.hpp"

#include "processor.hpp"

namespace ferry::engines {

std::size_t own_isa_level() {
#if defined(__x86_64__)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
                    __builtin_cpu_supports("bmi2");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl");
  return static_cast<std::size_t>(avx2) + static_cast<std::size_t>(avx512);
#else
  return 0;
#endif
}

std::string machine_name() { return describe_system().machine; }

std::string system_name() {
  std::string name = describe_system().name;
  for (char& c : name)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');  // std::tolower asks the host program's locale
  return name;
}

std::vector<std::string> triples() {
#if defined(__GLIBC__)
  constexpr auto library = "gnu";
#else
  constexpr auto library = "other";
#endif
  constexpr std::array<std::string_view, isa_levels.size()> levels = {"", "_v3", "_v4"};
  std::vector<std::string> found;
#if defined(__x86_64__)
  if (own_isa_level() + 1 == isa_levels.size() && __builtin_cpu_supports("avx512vnni"))
    found.push_back(machine_name() + "_v4" + std::string(vnni) + '-' + system_name() + '-' + library);
#endif
  for (auto level = own_isa_level() + 1; level-- > 0;)
    found.push_back(machine_name() + std::string(levels.at(level)) + '-' + system_name() + '-' + library);
  return found;
}

}  // namespace ferry::engines

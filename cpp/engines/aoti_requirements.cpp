#include "aoti_requirements.hpp"

#include <algorithm>
#include <array>

#include "machine.hpp"

namespace ferry::aoti {

namespace {

struct Property {
  std::string_view key;
  std::string_view holder;
  std::string here;
};

std::array<Property, 5> describe_machine(std::string_view torch_version) {
#if defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
  constexpr auto abi = "pre-cxx11";
#else
  constexpr auto abi = "cxx11";
#endif
  return {{{"cxx_abi", "LibTorch has", abi},
           {"isa", "CPU has", std::string(engines::isa_levels.at(engines::own_isa_level()))},
           {"machine", "machine is", engines::machine_name()},
           {"os", "machine runs", engines::system_name()},
           {"torch", "LibTorch is", std::string(torch_version.substr(0, torch_version.find('+')))}}};
}

const char* find(const ferry_open_request& request, std::string_view key) {
  for (std::size_t i = 0; i < request.require_count; ++i)
    if (key == request.requires_[i].key) return request.requires_[i].value;
  return nullptr;
}

bool is_enough(const Property& property, std::string_view needed) {
  if (property.key != "isa") return property.here == needed;
  const auto* const level = std::ranges::find(engines::isa_levels, needed);
  return level != engines::isa_levels.end() &&
         static_cast<std::size_t>(level - engines::isa_levels.begin()) <= engines::own_isa_level();
}

// Whether `list`, words separated by commas, holds `word`.
bool holds(std::string_view list, std::string_view word) {
  while (true) {
    const auto comma = list.find(',');
    if (list.substr(0, comma) == word) return true;
    if (comma == std::string_view::npos) return false;
    list.remove_prefix(comma + 1);
  }
}

Shortcoming missing(std::string_view key) {
  return {FERRY_FORMAT,
          "requires." + std::string(key) + ": got none, expected what the package was compiled for; export the bundle again"};
}

}  // namespace

std::optional<Shortcoming> find_shortcoming(const ferry_open_request& request, std::string_view torch_version) {
  const auto* const devices = find(request, "devices");
  if (devices == nullptr) return missing("devices");
  const auto machine = describe_machine(torch_version);
  for (const auto& property : machine)
    if (find(request, property.key) == nullptr) return missing(property.key);
  for (const auto& property : machine) {
    const std::string needed = find(request, property.key);
    if (!is_enough(property, needed))
      return Shortcoming{FERRY_UNAVAILABLE, std::string(property.key) + ": needs " + needed + ", this " +
                                                std::string(property.holder) + ' ' + property.here +
                                                "; export the bundle on such a machine"};
  }
  const std::string_view device = request.device;
  const auto kind = device.substr(0, device.find(':'));
  if (holds(devices, kind)) return std::nullopt;
  return Shortcoming{FERRY_UNAVAILABLE, "--device: got " + std::string(device) + ", expected one of " + devices +
                                            ", for which the package was compiled; export it on a machine with " +
                                            std::string(kind)};
}

}  // namespace ferry::aoti

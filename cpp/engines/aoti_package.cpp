#include "aoti_package.hpp"

#include <algorithm>
#include <array>
#include <string_view>

#include "stored_zip.hpp"

namespace ferry::aoti {

namespace {

constexpr archive::Rules rules{.max_entries = 1000, .only_regular = true};

using Members = std::map<std::string, archive::Member>;

// ---- names ------------------------------------------------------------------------------------------------------------

bool is_word_character(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

bool is_component(std::string_view part) {
  return !part.empty() && is_word_character(part.front()) &&
         std::ranges::all_of(part, [](char c) { return is_word_character(c) || c == '.' || c == '-'; });
}

std::string_view root_of(std::string_view name) { return name.substr(0, name.find('/')); }
std::string_view inner_of(std::string_view name) {
  const auto slash = name.find('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(slash + 1);
}

bool is_known(std::string_view inner) {
  constexpr std::array<std::string_view, 5> marks = {"archive_format", "archive_version", "byteorder", ".data/version",
                                                     ".data/serialization_id"};
  constexpr std::array<std::string_view, 3> endings = {".cpp", ".json", ".so"};
  constexpr std::string_view folder = "data/aotinductor/model/";
  if (std::ranges::find(marks, inner) != marks.end()) return true;
  if (!inner.starts_with(folder) || !is_component(inner.substr(folder.size()))) return false;
  return std::ranges::any_of(
      endings, [&](std::string_view ending) { return inner.size() > folder.size() + ending.size() && inner.ends_with(ending); });
}

bool leaves_package(std::string_view name) {
  const bool drive = name.size() > 1 && name[1] == ':';
  if (name.starts_with('/') || name.find('\\') != std::string_view::npos || drive) return true;
  for (std::size_t at = 0; at <= name.size();) {
    const auto part = name.substr(at, name.find('/', at) - at);
    if (part == "..") return true;
    at += part.size() + 1;
  }
  return false;
}

void check_names(const Members& members) {
  const auto root = root_of(members.begin()->first);
  for (const auto& [name, member] : members) {
    if (leaves_package(name)) archive::refuse_entry(name, "a path that leaves the package", "one inside it");
    if (root_of(name) != root || !is_component(root) || !is_known(inner_of(name)))
      archive::refuse_entry(name, "an entry of no known kind", "those of torch._inductor.aoti_compile_and_package only");
  }
}

// ---- the package ------------------------------------------------------------------------------------------------------

bool is_pt2(const Members& members) {
  const auto format = members.find(std::string(root_of(members.begin()->first)) + "/archive_format");
  return format != members.end() && std::ranges::equal(format->second.data, std::as_bytes(std::span("pt2").first(3)));
}

Library judge(std::span<const std::byte> data) {
  const auto members = archive::read_members(data, rules);
  check_names(members);
  if (!is_pt2(members)) throw archive::ZipError("archive_format: got none or another one, expected pt2");
  Library library;
  std::size_t libraries = 0;
  for (const auto& [name, member] : members) {
    const auto file = name.substr(name.rfind('/') + 1);
    if (name.ends_with(".so") || name.ends_with(".json")) library.files.emplace(file, member.data);
    if (!name.ends_with(".so")) continue;
    library.name = file;
    ++libraries;
  }
  if (libraries != 1)
    throw archive::ZipError("library: got " + std::to_string(libraries) + " shared libraries, expected exactly one");
  return library;
}

}  // namespace

Library open_package(const std::string& path, std::span<const std::byte> data) {
  try {
    return judge(data);
  } catch (const archive::ZipError& error) {
    throw PackageError(path + ": " + error.what() + "; export the bundle again");
  }
}

}  // namespace ferry::aoti

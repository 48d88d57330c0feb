// Where plugins lie, and who may put them there. cpp/windows/plugin_place.hpp is its twin.
#pragma once

#include <filesystem>
#include <string_view>

namespace ferry::system {

// The folder of the shared library or program that this code is part of; empty where that cannot be told. Throws bad_alloc.
[[nodiscard]] std::filesystem::path own_folder();

// May somebody else than the user, root and the owner of this library replace what lies at `path`?
[[nodiscard]] bool belongs_to_others(const std::filesystem::path& path);

// Why the loader would look for libraries in the working folder; empty where it would not.
[[nodiscard]] std::string_view problem_of_library_path();

}  // namespace ferry::system

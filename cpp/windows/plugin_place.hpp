// Where plugins lie, and who may put them there. cpp/posix/plugin_place.hpp is its twin.
#pragma once

#include <filesystem>
#include <string_view>

namespace ferry::system {

// The folder of the shared library or program that this code is part of; empty where that cannot be told. Throws bad_alloc.
[[nodiscard]] std::filesystem::path own_folder();

// False: the access control lists of Windows are not read (SECURITY.md).
[[nodiscard]] bool belongs_to_others(const std::filesystem::path& path);

// Empty: Windows has no such variable, and the working folder is not searched.
[[nodiscard]] std::string_view problem_of_library_path();

}  // namespace ferry::system

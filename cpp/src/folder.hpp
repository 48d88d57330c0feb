// A bundle as a folder, as the system holds one: posix/posix_folder.hpp and windows/windows_folder.hpp.
#pragma once

#include <filesystem>
#include <memory>

#include "container.hpp"

namespace ferry {

// Holds what stands at `root` now. Throws Error(io).
[[nodiscard]] std::shared_ptr<const Container> open_folder(const std::filesystem::path& root);

}  // namespace ferry

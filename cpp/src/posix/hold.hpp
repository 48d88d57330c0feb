// Taking hold of a folder: the descriptor of one bundle, also while a writer replaces it (FORMAT.md section 1).
//
// A shared lock on the descriptor tells writers to leave the folder where it is, under another name, until nobody reads it any
// more. The Python twin is python/torchferry/bundle/hold.py.
#pragma once

#include <filesystem>

#include "file.hpp"

namespace ferry {

// Opens the folder and locks it, again where a writer replaced it meanwhile. Throws Error(io).
[[nodiscard]] File hold(const std::filesystem::path& root);

}  // namespace ferry

// The files that `--input` means: a file, a folder of them, or a list in a file (`@LIST`).
// The Python twin is python/torchferry/samples/image_files.py.
#pragma once

#include <string>
#include <vector>

namespace ferry::cli {

// Is it a folder or a list of files?
[[nodiscard]] bool holds_files(const std::string& argument);

// The files of an argument in order: those of a folder by the bytes of their names, those of a list as it has them. Throws
// Error(io) for what cannot be read, Error(bad_input) for a folder or a list of nothing.
[[nodiscard]] std::vector<std::string> expand(const std::string& argument);

}  // namespace ferry::cli

// The door in front of a .pt2: what is in the zip is judged here, before any loader sees it. Standard library only.
// python/torchferry/engines/aoti_package.py is its twin.
//
// LibTorch's own loader follows `..` out of its folder, runs a compiler that the archive names, and takes the last of two
// libraries.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <stdexcept>
#include <string>

namespace ferry::aoti {

// Why a package is refused, in one line.
class PackageError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What is loaded from a package: one shared library, and the JSON files that lie beside it.
struct Library {
  std::string name;
  std::map<std::string, std::span<const std::byte>> files;  // by file name; into the package's bytes
};

// Judges a package. `path` is for messages only. Throws PackageError that names the entry and the rule.
[[nodiscard]] Library open_package(const std::string& path, std::span<const std::byte> data);

}  // namespace ferry::aoti

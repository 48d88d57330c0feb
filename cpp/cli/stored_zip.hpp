// Zip archives of entries that are stored, not packed. The Python twin is bundle/stored_zip.py.
//
// Other readers search for the parts of an archive and skip what they do not know; here every byte in front of the directory
// belongs to exactly one entry, so that no two readers can see different contents in one file.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <stdexcept>
#include <string>

namespace ferry::cli {

// What is wrong with an archive, as "<where>: got X, expected Y".
class ZipError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Does a file that starts with these bytes look like a zip archive?
[[nodiscard]] bool is_zip(std::span<const std::byte> first_bytes) noexcept;

// The contents by name, as parts of `archive`. Throws ZipError.
[[nodiscard]] std::map<std::string, std::span<const std::byte>> read_entries(std::span<const std::byte> archive);

// What is wrong with an entry, whose name may be anything. Throws ZipError.
[[noreturn]] void refuse_entry(const std::string& name, const std::string& got, const std::string& expected);

}  // namespace ferry::cli

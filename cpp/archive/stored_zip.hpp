// Zip archives: `.npz` files, whose entries must be stored, and model archives. The Python twin is bundle/stored_zip.py.
//
// Other readers search for the parts of an archive and skip what they do not know; here every byte in front of the directory
// belongs to exactly one entry, so that no two readers can see different contents in one file.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>

namespace ferry::archive {

// What is wrong with an archive, as "<where>: got X, expected Y".
class ZipError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// Does a file that starts with these bytes look like a zip archive?
[[nodiscard]] bool is_zip(std::span<const std::byte> first_bytes) noexcept;

// What an archive may hold; the defaults are those of a `.npz`.
struct Rules {
  std::uint64_t max_entries = 500;
  bool allow_deflate = false;
  bool only_regular = false;  // no link and no folder: for what is unpacked into files
  bool check_crc = true;      // of the contents; without it where a stronger digest of the whole file has been checked
};

// An entry: its bytes as they lie in the archive, and size and CRC-32 of its content, which differs if it is deflated.
struct Member {
  std::span<const std::byte> data;
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  bool is_deflated = false;
};

// The entries by name, as parts of `archive`. Throws ZipError.
[[nodiscard]] std::map<std::string, Member> read_members(std::span<const std::byte> archive, const Rules& rules);

// The contents of a `.npz` by name, as parts of `archive`. Throws ZipError.
[[nodiscard]] std::map<std::string, std::span<const std::byte>> read_entries(std::span<const std::byte> archive);

// What is wrong with an entry, whose name may be anything. Throws ZipError.
[[noreturn]] void refuse_entry(const std::string& name, const std::string& got, const std::string& expected);

}  // namespace ferry::archive

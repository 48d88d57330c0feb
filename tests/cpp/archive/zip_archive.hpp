// Zip archives of stored entries, made by hand.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "crc32.hpp"

namespace ferry::cli {

inline std::string little_endian(std::uint64_t number, int bytes) {
  std::string text;
  for (int i = 0; i < bytes; ++i, number >>= 8U) text += static_cast<char>(number & 0xFFU);  // more than 8 end in zeros
  return text;
}

inline std::uint32_t crc32_of(const std::string& text) { return archive::crc32(std::as_bytes(std::span(text))); }

// Flags to name size of an entry, as both its headers have it.
inline std::string zip_fields(const std::string& name, const std::string& data) {
  const auto size = little_endian(data.size(), 4);
  return little_endian(0, 8) + little_endian(crc32_of(data), 4) + size + size + little_endian(name.size(), 2) +
         little_endian(0, 2);
}

// Names and contents, in this order.
inline std::string zip_archive(const std::vector<std::pair<std::string, std::string>>& files) {
  std::string body;
  std::string directory;
  for (const auto& [name, data] : files) {
    const auto version = little_endian(20, 2);
    directory +=
        "PK\x01\x02" + version + version + zip_fields(name, data) + little_endian(0, 10) + little_endian(body.size(), 4) + name;
    body += "PK\x03\x04" + version + zip_fields(name, data) + name + data;
  }
  const auto count = little_endian(files.size(), 2);
  return body + directory + "PK\x05\x06" + little_endian(0, 4) + count + count + little_endian(directory.size(), 4) +
         little_endian(body.size(), 4) + little_endian(0, 2);
}

}  // namespace ferry::cli

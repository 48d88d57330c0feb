// Zip archives: every entry lies inside the archive, by the rules of .npz and by those of model archives.
#include <cstdint>
#include <cstdlib>
#include <functional>

#include "fuzz.hpp"
#include "stored_zip.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto require_inside = [&](std::span<const std::byte> part) {
    if (part.empty()) return;
    if (std::less<>()(part.data(), bytes.data()) || part.size() > size ||
        std::less<>()(bytes.data() + size - part.size(), part.data()))
      std::abort();
  };
  ferry::fuzz::refuses<ferry::archive::ZipError>([&] {
    for (const auto& [name, content] : ferry::archive::read_entries(bytes)) require_inside(content);
  });
  return ferry::fuzz::refuses<ferry::archive::ZipError>([&] {
    const ferry::archive::Rules rules{.max_entries = 100, .allow_deflate = true, .check_crc = false};
    for (const auto& [name, member] : ferry::archive::read_members(bytes, rules)) require_inside(member.data);
  });
}

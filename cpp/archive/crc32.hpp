// CRC-32 of PNG (specification, annex D) and zip (APPNOTE.TXT, 4.4.7).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ferry::archive {

// Of bytes that follow those of which `before` is the CRC-32.
[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes, std::uint32_t before = 0) noexcept;

}  // namespace ferry::archive

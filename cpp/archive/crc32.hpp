// CRC-32 of PNG (specification, annex D) and zip (APPNOTE.TXT, 4.4.7).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ferry::archive {

[[nodiscard]] std::uint32_t crc32(std::span<const std::byte> bytes) noexcept;

}  // namespace ferry::archive

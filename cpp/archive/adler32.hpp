// The checksum of zlib's streams (RFC 1950, section 8.2).
#pragma once

#include <cstdint>
#include <string_view>

namespace ferry::archive {

[[nodiscard]] std::uint32_t adler32(std::string_view bytes) noexcept;

}  // namespace ferry::archive

// A decoded picture, whatever file it came from. The Python twin is python/torchferry/samples/picture.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace ferry::cli {

// Levels from 0 to `maximum`: grey (1 channel), grey and alpha, colours, or colours and alpha.
struct Picture {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::size_t channels = 1;
  std::vector<std::uint16_t> levels = {};  // [height, width, channels]
  std::uint32_t maximum = 255;
  int orientation = 1;    // of EXIF, 1 to 8
  bool is_keyed = false;  // is a colour of it transparent (tRNS of PNG)?
};

// Is the picture stored on its side? Then its height is the width of what was seen.
[[nodiscard]] constexpr bool lies_on_side(int orientation) noexcept { return orientation >= 5; }

}  // namespace ferry::cli

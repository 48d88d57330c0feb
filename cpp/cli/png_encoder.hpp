// PNG files of whole numbers, grey or with a palette; the same bytes as `ferry predict` writes. The data are stored, not
// compressed. The Python twin is python/torchferry/samples/png_encoder.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace ferry::cli {

constexpr std::int64_t longest_png_side = 0x7FFFFFFF;  // PNG specification, section 11.2.2

struct Levels {
  std::int64_t height;
  std::int64_t width;
  unsigned depth;                     // bits of a level: 8 or 16
  std::vector<std::uint16_t> values;  // [height,width]
};

// `palette` has red, green and blue of each level; grey where it is empty.
[[nodiscard]] std::string encode_png(const Levels& levels, const std::string& palette);

}  // namespace ferry::cli

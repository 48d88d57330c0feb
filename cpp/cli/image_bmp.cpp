// BMP of 8, 24 or 32 bits with a Windows header, not compressed. stb_image reads zeros where such a file is cut short, and looks
// up indexes beyond a short palette. The Python twin is samples/bmp.py.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "image_format.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t file_header = 14;  // bytes
constexpr std::size_t info_header = 40;

std::uint32_t little_endian(std::string_view file, std::size_t at, std::size_t count) {
  std::uint32_t value = 0;
  for (std::size_t i = count; i-- > 0;) value = value << 8U | level_of(file[at + i]);
  return value;
}

struct Layout {
  std::int64_t width;
  std::int64_t height;
  bool top_row_first;
  std::size_t pixel_bytes;
  std::size_t palette;  // where it begins
  std::size_t entries;  // of the palette
  std::size_t start;    // of the rows
  std::size_t row_bytes;
};

Layout read_header(std::string_view file, const ImageRules& rules) {
  if (file.size() < file_header + info_header) rules.refuse("a BMP that is cut short", whole_file);
  const std::uint32_t info = little_endian(file, 14, 4);
  const auto width = static_cast<std::int32_t>(little_endian(file, 18, 4));
  const auto height = static_cast<std::int32_t>(little_endian(file, 22, 4));  // negative: top row first
  const bool windows = info == info_header || info == 108 || info == 124;
  if (!windows || little_endian(file, 26, 2) != 1 || width <= 0 || height == 0)
    rules.refuse("a BMP without a Windows header", undamaged_file);
  const std::uint32_t bits = little_endian(file, 28, 2);
  const std::uint32_t compression = little_endian(file, 30, 4);
  if ((bits != 8 && bits != 24 && bits != 32) || compression != 0)
    rules.refuse("a BMP of " + std::to_string(bits) + " bits, compression " + std::to_string(compression),
                 "8, 24 or 32 bits, not compressed");
  const std::uint32_t used = little_endian(file, 46, 4);
  const std::uint32_t entries = used == 0 ? 256 : used;
  return {width,
          std::abs(std::int64_t{height}),
          height < 0,
          bits / 8,
          file_header + info,
          bits == 8 ? entries : 0,
          little_endian(file, 10, 4),
          (static_cast<std::size_t>(width) * bits + 31) / 32 * 4};
}

void require_whole(std::string_view file, const Layout& layout, const ImageRules& rules) {
  const bool palette_fits = layout.entries <= 256 && layout.start >= layout.palette + 4 * layout.entries;
  const bool rows_fit =
      layout.start <= file.size() && (file.size() - layout.start) / layout.row_bytes >= static_cast<std::size_t>(layout.height);
  if (!palette_fits || !rows_fit) rules.refuse("a BMP that is cut short", whole_file);
}

}  // namespace

Picture decode_bmp(std::string_view file, const ImageRules& rules) {
  const Layout layout = read_header(file, rules);
  rules.require_size(layout.width, layout.height);
  require_whole(file, layout, rules);
  Picture picture{.height = layout.height, .width = layout.width, .channels = 3};
  picture.levels.reserve(3 * static_cast<std::size_t>(layout.width * layout.height));
  for (std::int64_t y = 0; y < layout.height; ++y) {
    const auto row = static_cast<std::size_t>(layout.top_row_first ? y : layout.height - 1 - y);
    for (std::size_t x = 0; x < static_cast<std::size_t>(layout.width); ++x) {
      const auto pixel = file.substr(layout.start + row * layout.row_bytes + x * layout.pixel_bytes);
      if (layout.entries != 0 && level_of(pixel.front()) >= layout.entries)
        rules.refuse("a BMP whose palette does not fit its pixels", undamaged_file);
      const bool indexed = layout.entries != 0;
      const auto colour = indexed ? file.substr(layout.palette + std::size_t{4} * level_of(pixel.front())) : pixel;
      for (const std::size_t i : {2, 1, 0}) picture.levels.push_back(level_of(colour[i]));  // blue comes first
    }
  }
  return picture;
}

}  // namespace ferry::cli

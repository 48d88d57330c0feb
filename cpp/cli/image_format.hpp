// What the decoders of PNG, JPEG, BMP, PGM and PPM share: bytes as numbers, and what a picture may be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "image_layout.hpp"
#include "image_picture.hpp"

namespace ferry::cli {

// The file's name, for messages, and the size that its picture must have.
class ImageRules {
 public:
  ImageRules(std::string name, const ExpectedSize& expected) : name_(std::move(name)), expected_(expected) {}

  // "<name>: image: got <got>, expected <expected>; <advice>". Throws Error(bad_input).
  [[noreturn]] void refuse(const std::string& got, const std::string& expected,
                           const std::string& advice = "save it again as PNG") const;
  // Called before a picture's pixels are decoded; it is stored with this size and turned by this orientation.
  void require_size(std::int64_t width, std::int64_t height, int orientation = 1) const;
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
  ExpectedSize expected_;
};

constexpr std::string_view png_magic = "\x89PNG\r\n\x1a\n";
constexpr std::string_view jpeg_magic = "\xff\xd8\xff";
constexpr auto whole_file = "a whole file";
constexpr auto undamaged_file = "an undamaged file";

[[nodiscard]] Picture decode_png(std::string_view file, const ImageRules& rules);
[[nodiscard]] Picture decode_jpeg(std::string_view file, const ImageRules& rules);
[[nodiscard]] Picture decode_bmp(std::string_view file, const ImageRules& rules);
[[nodiscard]] Picture decode_pnm(std::string_view file, const ImageRules& rules);

// 1 to 8 of an EXIF block (a TIFF header and its first folder), which is 1 where that does not say. Throws Error(bad_input).
[[nodiscard]] int orientation_of(std::string_view block, const ImageRules& rules);

[[nodiscard]] constexpr std::uint8_t level_of(char c) noexcept { return static_cast<std::uint8_t>(c); }

}  // namespace ferry::cli

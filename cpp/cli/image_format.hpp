// What the decoders of PNG, BMP and PGM share: bytes as numbers, and what a picture may be.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "image_input.hpp"

namespace ferry::cli {

// The file's name, for messages, and the size that its picture must have.
class ImageRules {
 public:
  ImageRules(std::string name, const ExpectedSize& expected) : name_(std::move(name)), expected_(expected) {}

  // "<name>: image: got <got>, expected <expected>". Throws Error(bad_input).
  [[noreturn]] void refuse(const std::string& got, const std::string& expected) const;
  // Called before a picture's pixels are decoded.
  void require_size(std::int64_t width, std::int64_t height) const;

 private:
  std::string name_;
  ExpectedSize expected_;
};

constexpr std::string_view png_magic = "\x89PNG\r\n\x1a\n";

[[nodiscard]] GreyImage decode_png(std::string_view file, const ImageRules& rules);
[[nodiscard]] GreyImage decode_bmp(std::string_view file, const ImageRules& rules);
[[nodiscard]] GreyImage decode_pgm(std::string_view file, const ImageRules& rules);

[[nodiscard]] constexpr std::uint8_t level_of(char c) noexcept { return static_cast<std::uint8_t>(c); }

// Grey of a colour in fixed point, ITU-R BT.601: the weights sum to 65536, so grey pixels keep their level.
[[nodiscard]] constexpr std::uint8_t grey_of(std::uint8_t red, std::uint8_t green, std::uint8_t blue) noexcept {
  return static_cast<std::uint8_t>((19595U * red + 38470U * green + 7471U * blue + 32768U) >> 16U);
}

}  // namespace ferry::cli

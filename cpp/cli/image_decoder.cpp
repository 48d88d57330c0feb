// decode_image: tells the kind of a picture by its first bytes, and holds its size to the contract.
#include <cstdint>
#include <string_view>

#include "image_format.hpp"
#include "image_input.hpp"
#include "limits.hpp"

namespace ferry::cli {

namespace {

constexpr bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// "P5" and its relatives. Two letters are too little: a CSV header may begin with "P5 (kW)".
bool is_pnm(std::string_view file) noexcept {
  return file.size() >= 4 && file[0] == 'P' && file[1] >= '1' && file[1] <= '6' && is_white(file[2]) &&
         (is_white(file[3]) || (file[3] >= '0' && file[3] <= '9') || file[3] == '#');
}

// "BM", the size, four zero bytes: a CSV header may begin with "BMI".
bool is_bmp(std::string_view file) noexcept {
  return file.size() >= 10 && file.starts_with("BM") && file.substr(6, 4) == std::string_view("\0\0\0\0", 4);
}

std::string_view to_view(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

std::string size_text(std::int64_t width, std::int64_t height) { return std::to_string(width) + " x " + std::to_string(height); }

}  // namespace

void ImageRules::refuse(const std::string& got, const std::string& expected, const std::string& advice) const {
  throw Error(ErrorCode::bad_input, name_ + ": image: got " + got + ", expected " + expected + "; " + advice);
}

void ImageRules::require_size(std::int64_t width, std::int64_t height, int orientation) const {
  constexpr auto advice = "resize it before";
  if (lies_on_side(orientation)) std::swap(width, height);
  const auto wanted_width = expected_.width.value_or(width);
  const auto wanted_height = expected_.height.value_or(height);
  if (width != wanted_width || height != wanted_height)
    refuse(size_text(width, height) + " pixels", size_text(wanted_width, wanted_height), advice);
  if (width < 1 || width > limits::max_image_side || height < 1 || height > limits::max_image_side ||
      width * height > limits::max_image_pixels)
    refuse(size_text(width, height) + " pixels",
           "at most " + std::to_string(limits::max_image_side) + " a side and " + std::to_string(limits::max_image_pixels) +
               " in all",
           advice);
}

bool is_image(std::span<const std::byte> first_bytes) noexcept {
  const auto view = to_view(first_bytes);
  return view.starts_with(png_magic) || view.starts_with(jpeg_magic) || is_bmp(view) || is_pnm(view);
}

Picture decode_image(std::span<const std::byte> file, const std::string& name, const ExpectedSize& expected) {
  const ImageRules rules(name, expected);
  const auto view = to_view(file);
  if (view.starts_with(png_magic)) return decode_png(view, rules);
  if (view.starts_with(jpeg_magic)) return decode_jpeg(view, rules);
  if (is_bmp(view)) return decode_bmp(view, rules);
  if (is_pnm(view)) return decode_pnm(view, rules);
  rules.refuse("a file of another kind than the first", "PNG, JPEG, BMP, PGM or PPM", "take it out");
}

}  // namespace ferry::cli

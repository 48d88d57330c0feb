#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "crc32.hpp"
#include "image_input.hpp"
#include "image_layout.hpp"
#include "toy_bundle.hpp"

namespace {

using ferry::cli::decode_image;
using ferry::cli::is_image;

// Files that Pillow wrote, 3 x 2 pixels. Grey: 0 10 200 / 255 1 2. Colour: red, green, blue / (10,20,30), (7,7,7), white;
// the file with alpha has the same colours.
constexpr std::string_view grey_png(
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00\x00\x02\x08\x00\x00\x00"
    "\x00\xb8\x1f\x39\xc6\x00\x00\x00\x10\x49\x44\x41\x54\x78\x9c\x63\x60\xe0\x3a\xc1\xf0\x9f\x91\x09\x00\x07\x2d\x01"
    "\xd5\x4e\x30\x76\xf0\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82",
    73);
constexpr std::string_view rgb_png(
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00\x00\x02\x08\x02\x00\x00"
    "\x00\x12\x16\xf1\x4d\x00\x00\x00\x18\x49\x44\x41\x54\x78\x9c\x63\xf8\xcf\xc0\xc0\x00\xc1\x5c\x22\x72\xec\xec\xec"
    "\xff\xff\xff\x07\x00\x35\x16\x06\x4c\x79\x86\x2e\x9b\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82",
    81);
constexpr std::string_view rgba_png(
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00\x00\x02\x08\x06\x00\x00"
    "\x00\x9d\x74\x66\x1a\x00\x00\x00\x22\x49\x44\x41\x54\x78\x9c\x63\xfc\xcf\xc0\xc0\xc9\xf8\x9f\x81\x81\x81\xf1\x3f"
    "\x03\x13\xb7\x88\x1c\x03\x3b\x07\x3b\xc3\xff\xff\x0c\x0c\x00\x47\x1c\x05\x5d\x52\xc1\x03\x06\x00\x00\x00\x00\x49"
    "\x45\x4e\x44\xae\x42\x60\x82",
    91);
constexpr std::string_view deep_png(
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00\x00\x02\x10\x00\x00\x00"
    "\x00\xe8\x8f\xe5\x85\x00\x00\x00\x16\x49\x44\x41\x54\x78\x9c\x63\x60\x60\xe0\x62\x38\xc1\xc0\xf0\x9f\x81\x91\x81"
    "\x89\x01\x00\x0d\x86\x01\xd5\x77\xa0\x08\x45\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82",
    79);
constexpr std::string_view rgb_bmp(
    "\x42\x4d\x4e\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00\x28\x00\x00\x00\x03\x00\x00\x00\x02\x00\x00\x00\x01\x00"
    "\x18\x00\x00\x00\x00\x00\x18\x00\x00\x00\xc4\x0e\x00\x00\xc4\x0e\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x1e\x14"
    "\x0a\x07\x07\x07\xff\xff\xff\x00\x00\x00\x00\x00\xff\x00\xff\x00\xff\x00\x00\x00\x00\x00",
    78);
constexpr std::string_view grey_pgm("\x50\x35\x0a\x33\x20\x32\x0a\x32\x35\x35\x0a\x00\x0a\xc8\xff\x01\x02", 17);
constexpr std::string_view palette_png(
    "\x89\x50\x4e\x47\x0d\x0a\x1a\x0a\x00\x00\x00\x0d\x49\x48\x44\x52\x00\x00\x00\x03\x00\x00\x00\x02\x08\x03\x00\x00"
    "\x00\xaa\xaa\x96\x28\x00\x00\x00\x33\x50\x4c\x54\x45\xff\x00\x00\x00\xff\x00\x00\x00\xff\x0a\x14\x1e\x07\x07\x07"
    "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    "\x00\x00\x00\x00\x00\xff\xff\xff\x68\x85\x94\x53\x00\x00\x00\x10\x49\x44\x41\x54\x78\x9c\x63\x60\x60\x64\x62\x60"
    "\x66\x11\x00\x00\x00\x39\x00\x1b\x20\xc7\x45\x66\x00\x00\x00\x00\x49\x45\x4e\x44\xae\x42\x60\x82",
    136);

const std::vector<std::uint8_t> grey_levels = {0, 10, 200, 255, 1, 2};
const std::vector<std::uint8_t> levels_of_colours = {76, 150, 29, 18, 7, 255};  // Pillow's convert("L")

std::span<const std::byte> bytes_of(std::string_view file) { return std::as_bytes(std::span(file)); }

// As a contract uint8 [N,2,3] takes them.
std::vector<std::uint8_t> levels_of(std::string_view file) {
  const ferry::TensorSpec spec{.name = "image", .dtype = ferry::DType::uint8, .shape = {"N", 2, 3}, .range = {}, .unit = {}};
  std::vector<std::byte> elements;
  ferry::cli::ImageLayout(spec, "a").append(decode_image(bytes_of(file), "a", {2, 3}), elements);
  const auto* levels = reinterpret_cast<const std::uint8_t*>(elements.data());
  return {levels, levels + elements.size()};
}

Failure failure(std::string_view file) {
  return failure_of([&] { static_cast<void>(decode_image(bytes_of(file), "a", {2, 3})); });
}

TEST(Images, GiveTheirGreyLevels) {
  EXPECT_EQ(levels_of(grey_png), grey_levels);
  EXPECT_EQ(levels_of(grey_pgm), grey_levels);
}

TEST(Images, OfColourGiveTheGreyOfPillow) {
  EXPECT_EQ(levels_of(rgb_png), levels_of_colours);
  EXPECT_EQ(levels_of(rgba_png), levels_of_colours);
  EXPECT_EQ(levels_of(rgb_bmp), levels_of_colours);
  EXPECT_EQ(levels_of(palette_png), levels_of_colours);
}

TEST(Images, OfAnotherSizeAreRefused) {
  const auto wrong = failure_of([] { static_cast<void>(decode_image(bytes_of(grey_png), "a.png", {28, 28})); });
  EXPECT_EQ(wrong.code, 7);
  EXPECT_EQ(wrong.text, "a.png: image: got 3 x 2 pixels, expected 28 x 28; resize it before");
  EXPECT_EQ(decode_image(bytes_of(grey_png), "a", {}).width, 3);
}

TEST(Images, CutShortAnywhereAreRefused) {
  for (const auto file : {grey_png, rgb_png, rgb_bmp, grey_pgm})
    for (std::size_t size = 10; size < file.size(); ++size) EXPECT_EQ(failure(file.substr(0, size)).code, 7) << size;
}

TEST(Images, PngWithAFlippedBitAnywhereIsRefused) {
  for (std::size_t bit = 0; bit < grey_png.size() * 8; ++bit) {
    std::string flipped(grey_png);
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    EXPECT_EQ(failure(flipped).code, 7) << bit;
  }
}

// ---- PNGs made here, so that each chunk has the CRC-32 of what it holds ------------------------------------------------

std::string big_endian(std::uint32_t value) {
  std::string text;
  for (int shift = 24; shift >= 0; shift -= 8) text += static_cast<char>(value >> static_cast<unsigned>(shift));
  return text;
}

std::string chunk(const std::string& kind, const std::string& body) {
  const std::string whole = kind + body;
  return big_endian(static_cast<std::uint32_t>(body.size())) + whole +
         big_endian(ferry::archive::crc32(std::as_bytes(std::span(whole))));
}

// The checksum of RFC 1950, written as the text says it.
std::uint32_t adler32(const std::string& bytes) {
  std::uint32_t a = 1;
  std::uint32_t b = 0;
  for (const char byte : bytes) {
    a = (a + static_cast<unsigned char>(byte)) % 65521;
    b = (b + a) % 65521;
  }
  return b * 65536 + a;
}

// A zlib stream of one stored block.
std::string stored(const std::string& rows, std::uint32_t checksum) {
  const auto low = static_cast<char>(rows.size());
  return std::string("\x78\x01\x01") + low + '\0' + static_cast<char>(~low) + '\xFF' + rows + big_endian(checksum);
}

// 3 x 2 pixels of that colour type.
std::string png(char type, const std::string& rows, std::uint32_t checksum, const std::string& palette = "") {
  const std::string header = big_endian(3) + big_endian(2) + '\x08' + type + std::string(3, '\0');
  return "\x89PNG\r\n\x1a\n" + chunk("IHDR", header) + (palette.empty() ? "" : chunk("PLTE", palette)) +
         chunk("IDAT", stored(rows, checksum)) + chunk("IEND", "");
}

const std::string two_rows("\0abc\0def", 8);

TEST(Images, PngMadeHereIsRead) {
  EXPECT_EQ(levels_of(png(0, two_rows, adler32(two_rows))), (std::vector<std::uint8_t>{97, 98, 99, 100, 101, 102}));
}

TEST(Images, PngWhoseRowsHaveAnotherChecksumIsRefused) {
  EXPECT_NE(failure(png(0, two_rows, adler32(two_rows) + 1)).text.find("data are not its rows"), std::string::npos);
}

TEST(Images, PngWithMoreOrFewerRowsIsRefused) {
  for (const auto& rows : {two_rows.substr(0, 7), two_rows.substr(0, 4), two_rows + "g", two_rows + two_rows})
    EXPECT_NE(failure(png(0, rows, adler32(rows))).text.find("data are not its rows"), std::string::npos) << rows.size();
}

TEST(Images, PngWithFewerRowsAndTheChecksumOfZerosBehindThemIsRefused) {
  const std::string fewer = two_rows.substr(0, 6);
  EXPECT_NE(failure(png(0, fewer, adler32(fewer + std::string(2, '\0')))).text.find("data are not its rows"), std::string::npos);
}

TEST(Images, PngWhosePaletteIsTooShortIsRefused) {
  const std::string rows("\0\0\1\2\0\0\0\3", 8);
  EXPECT_EQ(failure(png(3, rows, adler32(rows), "rgbrgbrgbrgb")).code, 0);
  EXPECT_NE(failure(png(3, rows, adler32(rows), "rgbrgbrgb")).text.find("palette does not fit"), std::string::npos);
  EXPECT_NE(failure(png(3, rows, adler32(rows), "rgbrgbrgbrgbr")).text.find("palette does not fit"), std::string::npos);
}

TEST(Images, OfOtherDepthsAreScaledToTheNearestLevel) {
  const auto picture = decode_image(bytes_of(deep_png), "a", {2, 3});
  EXPECT_EQ(picture.maximum, 65535U);
  const auto levels = levels_of(deep_png);
  for (std::size_t i = 0; i < levels.size(); ++i) EXPECT_EQ(levels[i], (picture.levels[i] + 128) / 257) << i;
  EXPECT_EQ(levels_of("P5 3 2 65535\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), std::vector<std::uint8_t>(6, 255));
  EXPECT_EQ(failure("P5 3 2 15\n123456").code, 7);
}

TEST(Images, OfOtherKindsAreRefusedByName) {
  EXPECT_NE(failure("\xff\xd8\xff\xe0 jpeg").text.find("a JPEG whose header is damaged"), std::string::npos);
  EXPECT_NE(failure("P3 1 1 255\nabc").text.find("P3"), std::string::npos);
  EXPECT_EQ(failure("anything").code, 7);
}

TEST(Images, PgmMayHaveComments) {
  EXPECT_EQ(levels_of("P5\n# a comment\n3 2\n255\nabcdef"), (std::vector<std::uint8_t>{97, 98, 99, 100, 101, 102}));
}

TEST(Images, PgmOfHugeOrNoSizeIsRefused) {
  EXPECT_EQ(failure("P5 999999999 999999999 255\nab").code, 7);
  EXPECT_EQ(failure("P5 9999999999 1 255\nab").code, 7);
  EXPECT_EQ(failure("P5 0 0 255\n").code, 7);
  EXPECT_EQ(failure("P5 3").code, 7);
}

TEST(Images, AreToldFromCsvByTheirFirstBytes) {
  for (const auto file : {grey_png, rgb_bmp, grey_pgm}) EXPECT_TRUE(is_image(bytes_of(file.substr(0, 10))));
  for (const std::string_view header : {"BMI,age\n1,2", "P5,P6\n1,2", "P5 (kW),x", "", "B"})
    EXPECT_FALSE(is_image(bytes_of(header))) << header;
}

}  // namespace

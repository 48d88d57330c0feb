#include "png_encoder.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "adler32.hpp"
#include "crc32.hpp"
#include "image_format.hpp"

namespace ferry::cli {

namespace {

constexpr std::string_view no_compression = "\x78\x01";  // RFC 1950: deflate, a window of 32 KiB
constexpr std::size_t most_stored = 0xFFFF;              // bytes of a stored block (RFC 1951, section 3.2.4)
constexpr char grey = 0;
constexpr char with_palette = 3;

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (const unsigned shift : {24U, 16U, 8U, 0U}) bytes += static_cast<char>(value >> shift & 0xFFU);
  return bytes;
}

std::string little_endian16(std::size_t value) {
  return {static_cast<char>(value & 0xFFU), static_cast<char>(value >> 8U & 0xFFU)};
}

void append_chunk(std::string& file, std::string_view kind, std::string_view body) {
  file += big_endian(static_cast<std::uint32_t>(body.size()));
  const auto start = file.size();
  file.append(kind).append(body);
  file += big_endian(archive::crc32(std::as_bytes(std::span(file).subspan(start))));
}

// The rows, each behind the byte of its filter, which is none.
std::string rows_of(const Levels& levels) {
  const auto width = static_cast<std::size_t>(levels.width);
  std::string rows;
  rows.reserve(static_cast<std::size_t>(levels.height) * (1 + width * (levels.depth / 8)));
  for (std::size_t i = 0; i < levels.values.size(); ++i) {
    if (i % width == 0) rows += '\0';
    if (levels.depth == 16) rows += static_cast<char>(levels.values[i] >> 8U);
    rows += static_cast<char>(levels.values[i] & 0xFFU);
  }
  return rows;
}

// A zlib stream, one chunk for each stored block.
void append_data(std::string& file, std::string_view data) {
  for (std::size_t start = 0; start < data.size(); start += most_stored) {
    const auto block = data.substr(start, most_stored);
    const bool is_last = start + block.size() == data.size();
    std::string part(start == 0 ? no_compression : std::string_view());
    part += static_cast<char>(is_last);
    part += little_endian16(block.size()) + little_endian16(block.size() ^ 0xFFFFU);
    part += block;
    if (is_last) part += big_endian(archive::adler32(data));
    append_chunk(file, "IDAT", part);
  }
}

}  // namespace

std::string encode_png(const Levels& levels, const std::string& palette) {
  std::string file(png_magic);
  std::string header = big_endian(static_cast<std::uint32_t>(levels.width));
  header += big_endian(static_cast<std::uint32_t>(levels.height));
  header += static_cast<char>(levels.depth);
  header += palette.empty() ? grey : with_palette;
  header.append(3, '\0');  // deflate, filters by row, not interlaced
  append_chunk(file, "IHDR", header);
  if (!palette.empty()) append_chunk(file, "PLTE", palette);
  append_data(file, rows_of(levels));
  append_chunk(file, "IEND", {});
  return file;
}

}  // namespace ferry::cli

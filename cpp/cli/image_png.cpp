// PNG of 1 to 16 bits: chunks, sizes, checksums and filters are held here, so that no decoder decides what a damaged file is;
// only the data are inflated by stb_image. The Python twin is samples/png.py.
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "adler32.hpp"
#include "crc32.hpp"
#include "image_format.hpp"
#include "stb.hpp"

namespace ferry::cli {

namespace {

using archive::adler32;

constexpr std::size_t frame = 12;  // bytes around a chunk's body: length, type and CRC
constexpr char palette_type = 3;

struct Chunk {
  std::string_view type;
  std::string_view body;
  std::string_view whole;  // with its frame
};

struct Chunks {
  std::vector<Chunk> critical;  // header, palette, data and end, in this order
  int orientation = 1;
  bool is_keyed = false;
};

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8U | level_of(byte);
  return value;
}

Chunk next_chunk(std::string_view rest, const ImageRules& rules) {
  if (rest.size() < frame || rest.size() - frame < big_endian(rest)) rules.refuse("a PNG that is cut short", whole_file);
  const std::size_t length = big_endian(rest);
  if (archive::crc32(std::as_bytes(std::span(rest.substr(4, length + 4)))) != big_endian(rest.substr(8 + length)))
    rules.refuse("a PNG chunk with a wrong CRC", undamaged_file);
  return {rest.substr(4, 4), rest.substr(8, length), rest.substr(0, length + frame)};
}

// A chunk that may be left out (small first letter) is left out.
Chunks read_chunks(std::string_view file, const ImageRules& rules) {
  Chunks chunks;
  std::string order;
  auto rest = file.substr(png_magic.size());
  while (chunks.critical.empty() || chunks.critical.back().type != "IEND") {
    const Chunk chunk = next_chunk(rest, rules);
    rest.remove_prefix(chunk.whole.size());
    if (chunk.type == "eXIf") chunks.orientation = orientation_of(chunk.body, rules);
    chunks.is_keyed = chunks.is_keyed || chunk.type == "tRNS";
    if ((level_of(chunk.type.front()) & 0x20U) != 0) continue;
    chunks.critical.push_back(chunk);
    if (chunk.type != "IDAT" || !order.ends_with("IDAT")) order += chunk.type;
  }
  if ((order != "IHDRIDATIEND" && order != "IHDRPLTEIDATIEND") || chunks.critical.front().body.size() != 13)
    rules.refuse("a PNG with other chunks than IHDR, PLTE, IDAT and IEND in this order", undamaged_file);
  if (!rest.empty()) rules.refuse("a PNG with bytes behind its end", "one picture a file");
  return chunks;
}

// What the header says, where its values are known.
struct Header {
  std::int64_t width;
  std::int64_t height;
  std::size_t depth;
  char type;
  std::size_t channels;  // of a pixel; a palette's index is one
  bool interlaced;

  [[nodiscard]] std::size_t bits() const noexcept { return depth * channels; }
};

std::size_t channels_of(char type) {
  switch (type) {
    case 2:
      return 3;
    case 4:
      return 2;
    case 6:
      return 4;
    default:
      return 1;
  }
}

Header read_header(std::string_view body, const ImageRules& rules) {
  const char type = body[9];
  const std::size_t depth = level_of(body[8]);
  const bool small = depth == 1 || depth == 2 || depth == 4;
  const bool plain = depth == 8 || depth == 16;
  const bool is_grey = type == 0;
  const bool is_palette = type == 3;
  const bool is_colour = type == 2 || type == 4 || type == 6;
  const bool fits = (is_grey && (small || plain)) || (is_palette && (small || depth == 8)) || (is_colour && plain);
  if (!fits || body[10] != 0 || body[11] != 0 || level_of(body[12]) > 1)
    rules.refuse("a PNG header with unknown values", undamaged_file);
  return {big_endian(body), big_endian(body.substr(4)), depth, type, channels_of(type), body[12] == 1};
}

// The pixels of one pass: every `right`th column from `x`, every `down`th row from `y`.
struct Pass {
  std::size_t x, y, right, down;
  std::size_t columns = 0;
  std::size_t rows = 0;
  std::size_t row_bytes = 0;  // without the filter's byte

  [[nodiscard]] std::size_t bytes() const noexcept { return (row_bytes + 1) * rows; }
};

// Those that have pixels.
std::vector<Pass> passes_of(const Header& header) {
  constexpr std::array<Pass, 7> interlaced = {
      {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
  constexpr std::array<Pass, 1> one = {{{0, 0, 1, 1}}};
  std::vector<Pass> passes;
  for (Pass pass : header.interlaced ? std::span<const Pass>(interlaced) : std::span<const Pass>(one)) {
    pass.columns = (static_cast<std::size_t>(header.width) + pass.right - 1 - pass.x) / pass.right;
    pass.rows = (static_cast<std::size_t>(header.height) + pass.down - 1 - pass.y) / pass.down;
    pass.row_bytes = (pass.columns * header.bits() + 7) / 8;
    if (pass.columns > 0 && pass.rows > 0) passes.push_back(pass);
  }
  return passes;
}

// The rows and nothing else: decoders differ in what they make of less, and more may be a gigabyte.
std::string exact_rows(const std::vector<Chunk>& chunks, std::size_t expected, const ImageRules& rules) {
  std::string stream;
  for (const Chunk& chunk : chunks)
    if (chunk.type == "IDAT") stream += chunk.body;
  std::string rows(expected, '\0');
  int got = -1;
  // stb_image checks neither the window, of at most 32 KiB, nor the checksum at the end (RFC 1950).
  if (stream.size() > 6 && level_of(stream.front()) <= 0x78U)
    got = stbi_zlib_decode_buffer(rows.data(), static_cast<int>(expected), stream.data(), static_cast<int>(stream.size()));
  if (got < 0 || static_cast<std::size_t>(got) != expected || big_endian(stream.substr(stream.size() - 4)) != adler32(rows))
    rules.refuse("a PNG whose data are not its rows", undamaged_file);
  return rows;
}

// What the filter of that kind (0 none, 1 left, 2 above, 3 average, 4 Paeth) took from a byte.
int predicted(int kind, int left, int above, int corner) {
  switch (kind) {
    case 0:
      return 0;
    case 1:
      return left;
    case 2:
      return above;
    case 3:
      return (left + above) / 2;
    default:
      break;
  }
  const int guess = left + above - corner;
  const int by_left = std::abs(guess - left);
  const int by_above = std::abs(guess - above);
  const int by_corner = std::abs(guess - corner);
  if (by_left <= by_above && by_left <= by_corner) return left;
  return by_above <= by_corner ? above : corner;
}

// Undoes the filter of one row of that many bytes in place; `above` is null for the first row.
void undo_filter(int kind, char* bytes, const char* above, std::size_t size, std::size_t step) {
  for (std::size_t i = 0; i < size; ++i) {
    const int left = i < step ? 0 : level_of(bytes[i - step]);
    const int up = above == nullptr ? 0 : level_of(above[i]);
    const int corner = above == nullptr || i < step ? 0 : level_of(above[i - step]);
    bytes[i] = static_cast<char>(level_of(bytes[i]) + predicted(kind, left, up, corner));
  }
}

// Undoes the filters of a pass in place; a pixel has `step` bytes, at least one.
void undo_filters(std::span<char> data, const Pass& pass, std::size_t step, const ImageRules& rules) {
  const std::size_t stride = pass.row_bytes + 1;
  int most = 0;
  for (std::size_t row = 0; row < pass.rows; ++row) most = std::max<int>(most, level_of(data[row * stride]));
  if (most > 4) rules.refuse("a PNG with a filter of kind " + std::to_string(most), undamaged_file);
  for (std::size_t row = 0; row < pass.rows; ++row) {
    const int kind = level_of(data[row * stride]);
    const char* above = row == 0 ? nullptr : &data[(row - 1) * stride + 1];
    if (kind != 0) undo_filter(kind, &data[row * stride + 1], above, pass.row_bytes, step);
  }
}

// Puts the levels of a pass, whose filters are undone, where they belong.
void unpack(std::string_view data, const Pass& pass, const Header& header, std::vector<std::uint16_t>& levels) {
  for (std::size_t row = 0; row < pass.rows; ++row) {
    const auto bytes = data.substr(row * (pass.row_bytes + 1) + 1, pass.row_bytes);
    const std::size_t start = (pass.y + row * pass.down) * static_cast<std::size_t>(header.width);
    for (std::size_t i = 0; i < pass.columns * header.channels; ++i) {
      const std::size_t column = pass.x + i / header.channels * pass.right;
      auto& level = levels[(start + column) * header.channels + i % header.channels];
      if (header.depth == 16) {
        level = static_cast<std::uint16_t>(level_of(bytes[2 * i]) << 8U | level_of(bytes[2 * i + 1]));
      } else {
        const std::size_t bit = i * header.depth;
        const unsigned byte = level_of(bytes[bit / 8]);
        level = static_cast<std::uint16_t>(byte >> (8 - header.depth - bit % 8) & ((1U << header.depth) - 1));
      }
    }
  }
}

std::vector<std::uint16_t> look_up(const std::vector<std::uint16_t>& indexes, const Chunk& palette, const ImageRules& rules) {
  const std::string_view colours = palette.body;
  const std::size_t count = palette.type == "PLTE" && colours.size() % 3 == 0 ? colours.size() / 3 : 0;
  if (*std::ranges::max_element(indexes) >= count) rules.refuse("a PNG whose palette does not fit its pixels", undamaged_file);
  std::vector<std::uint16_t> levels;
  levels.reserve(3 * indexes.size());
  for (const auto index : indexes)
    for (const char level : colours.substr(std::size_t{3} * index, 3)) levels.push_back(level_of(level));
  return levels;
}

}  // namespace

Picture decode_png(std::string_view file, const ImageRules& rules) {
  const auto chunks = read_chunks(file, rules);
  const auto header = read_header(chunks.critical.front().body, rules);
  rules.require_size(header.width, header.height, chunks.orientation);
  const auto passes = passes_of(header);
  std::size_t bytes = 0;
  for (const Pass& pass : passes) bytes += pass.bytes();
  auto data = exact_rows(chunks.critical, bytes, rules);
  Picture picture{.height = header.height,
                  .width = header.width,
                  .channels = header.channels,
                  .maximum = (1U << header.depth) - 1,
                  .orientation = chunks.orientation,
                  .is_keyed = chunks.is_keyed};
  picture.levels.resize(static_cast<std::size_t>(header.width) * static_cast<std::size_t>(header.height) * header.channels);
  std::size_t start = 0;
  for (const Pass& pass : passes) {
    const auto part = std::span(data).subspan(start, pass.bytes());
    undo_filters(part, pass, std::max<std::size_t>(header.bits() / 8, 1), rules);
    unpack({part.data(), part.size()}, pass, header, picture.levels);
    start += pass.bytes();
  }
  if (header.type == palette_type) {
    picture.levels = look_up(picture.levels, chunks.critical[1], rules);
    picture.channels = 3;
    picture.maximum = 255;
  }
  return picture;
}

}  // namespace ferry::cli

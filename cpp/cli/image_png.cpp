// PNG of 8 bits: the chunks are checked here, and only the critical ones are given to stb_image, so that nothing else decides.
// stb_image by itself checks no CRC, and looks up indexes beyond a short palette. The Python twin is samples/png.py.
#include <array>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "crc32.hpp"
#include "image_format.hpp"
#include "stb.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t frame = 12;  // bytes around a chunk's body: length, type and CRC
constexpr char grey_type = 0;
constexpr char palette_type = 3;

struct Chunk {
  std::string_view type;
  std::string_view body;
  std::string_view whole;  // with its frame
};

std::uint32_t big_endian(std::string_view bytes) {
  std::uint32_t value = 0;
  for (const char byte : bytes.substr(0, 4)) value = value << 8U | level_of(byte);
  return value;
}

Chunk next_chunk(std::string_view rest, const ImageRules& rules) {
  if (rest.size() < frame || rest.size() - frame < big_endian(rest)) rules.refuse("a PNG that is cut short", "a whole file");
  const std::size_t length = big_endian(rest);
  if (archive::crc32(std::as_bytes(std::span(rest.substr(4, length + 4)))) != big_endian(rest.substr(8 + length)))
    rules.refuse("a PNG chunk with a wrong CRC", "an undamaged file");
  return {rest.substr(4, 4), rest.substr(8, length), rest.substr(0, length + frame)};
}

// Header, palette, data and end, in this order; a chunk that may be left out (small first letter) is left out.
std::vector<Chunk> critical_chunks(std::string_view file, const ImageRules& rules) {
  std::vector<Chunk> chunks;
  std::string order;
  auto rest = file.substr(png_magic.size());
  while (chunks.empty() || chunks.back().type != "IEND") {
    const Chunk chunk = next_chunk(rest, rules);
    rest.remove_prefix(chunk.whole.size());
    if ((level_of(chunk.type.front()) & 0x20U) != 0) continue;
    chunks.push_back(chunk);
    if (chunk.type != "IDAT" || !order.ends_with("IDAT")) order += chunk.type;
  }
  if ((order != "IHDRIDATIEND" && order != "IHDRPLTEIDATIEND") || chunks.front().body.size() != 13)
    rules.refuse("a PNG with other chunks than IHDR, PLTE, IDAT and IEND in this order", "an undamaged file");
  return chunks;
}

struct Pass {  // of Adam7: first column and row, and their steps
  std::uint32_t x, y, right, down;
};
constexpr std::array<Pass, 7> interlaced_passes = {
    {{0, 0, 8, 8}, {4, 0, 8, 8}, {0, 4, 4, 8}, {2, 0, 4, 4}, {0, 2, 2, 4}, {1, 0, 2, 2}, {0, 1, 1, 2}}};
constexpr std::array<Pass, 1> one_pass = {{{0, 0, 1, 1}}};

// Bytes of all rows, each after its filter type.
std::size_t row_bytes(const GreyImage& image, std::size_t channels, std::span<const Pass> passes) {
  std::size_t bytes = 0;
  for (const Pass& pass : passes) {
    const std::int64_t columns = (image.width - pass.x + pass.right - 1) / pass.right;
    const std::int64_t rows = (image.height - pass.y + pass.down - 1) / pass.down;
    if (columns > 0 && rows > 0) bytes += (static_cast<std::size_t>(columns) * channels + 1) * static_cast<std::size_t>(rows);
  }
  return bytes;
}

// The checksum of RFC 1950.
std::uint32_t adler32(std::string_view bytes) {
  constexpr std::uint32_t modulus = 65521;
  std::uint32_t low = 1;
  std::uint32_t high = 0;
  for (const char byte : bytes) {
    low = (low + level_of(byte)) % modulus;
    high = (high + low) % modulus;
  }
  return high << 16U | low;
}

// The rows and nothing else: decoders differ in what they make of less, and more may be a gigabyte.
void require_exact_data(const std::vector<Chunk>& chunks, std::size_t expected, const ImageRules& rules) {
  std::string stream;
  for (const Chunk& chunk : chunks)
    if (chunk.type == "IDAT") stream += chunk.body;
  std::string rows(expected, '\0');
  int got = -1;
  // stb_image checks neither the window, of at most 32 KiB, nor the checksum at the end (RFC 1950).
  if (stream.size() > 6 && level_of(stream.front()) <= 0x78U)
    got = stbi_zlib_decode_buffer(rows.data(), static_cast<int>(expected), stream.data(), static_cast<int>(stream.size()));
  if (got < 0 || static_cast<std::size_t>(got) != expected || big_endian(stream.substr(stream.size() - 4)) != adler32(rows))
    rules.refuse("a PNG whose data are not its rows", "an undamaged file");
}

struct Pixels {
  std::unique_ptr<stbi_uc, void (*)(void*)> values;
  std::size_t channels;
};

// A palette's indexes are decoded as if they were grey levels.
Pixels decode_pixels(const std::vector<Chunk>& chunks, const ImageRules& rules) {
  constexpr std::size_t type_at = png_magic.size() + 8 + 9;
  std::string file(png_magic);
  for (const Chunk& chunk : chunks)
    if (chunk.type != "PLTE") file += chunk.whole;
  if (file[type_at] == palette_type) file[type_at] = grey_type;  // stb_image does not see that the CRC is another now
  int width = 0;
  int height = 0;
  int channels = 0;
  const auto* bytes = reinterpret_cast<const stbi_uc*>(file.data());
  Pixels pixels{{stbi_load_from_memory(bytes, static_cast<int>(file.size()), &width, &height, &channels, 0), stbi_image_free}, 0};
  if (pixels.values == nullptr)
    rules.refuse(std::string("a PNG that cannot be decoded (") + stbi_failure_reason() + ")", "an undamaged file");
  pixels.channels = static_cast<std::size_t>(channels);
  return pixels;
}

std::uint8_t grey_of_pixel(const stbi_uc* pixel, std::size_t channels) {
  return channels < 3 ? pixel[0] : grey_of(pixel[0], pixel[1], pixel[2]);  // alpha is ignored
}

void look_up(std::vector<std::uint8_t>& levels, const Chunk& palette, const ImageRules& rules) {
  const std::string_view colours = palette.body;
  const std::size_t count = palette.type == "PLTE" && colours.size() % 3 == 0 ? colours.size() / 3 : 0;
  for (auto& level : levels) {
    if (level >= count) rules.refuse("a PNG whose palette does not fit its pixels", "an undamaged file");
    const std::size_t at = std::size_t{3} * level;
    level = grey_of(level_of(colours[at]), level_of(colours[at + 1]), level_of(colours[at + 2]));
  }
}

// Samples of a pixel by the header's colour type; a palette's index is one.
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

}  // namespace

GreyImage decode_png(std::string_view file, const ImageRules& rules) {
  const auto chunks = critical_chunks(file, rules);
  const std::string_view header = chunks.front().body;
  const int depth = level_of(header[8]);
  const char type = header[9];
  if (depth != 8) rules.refuse("a PNG of " + std::to_string(depth) + " bits", "8 bits");
  const bool known = type == 0 || type == 2 || type == 3 || type == 4 || type == 6;
  if (!known || header[10] != 0 || header[11] != 0 || level_of(header[12]) > 1)
    rules.refuse("a PNG header with unknown values", "an undamaged file");
  GreyImage image{big_endian(header.substr(4)), big_endian(header), {}};
  rules.require_size(image.width, image.height);
  const std::size_t channels = channels_of(type);
  require_exact_data(chunks, row_bytes(image, channels, header[12] == 1 ? std::span<const Pass>(interlaced_passes) : one_pass),
                     rules);
  const Pixels pixels = decode_pixels(chunks, rules);
  image.levels.resize(static_cast<std::size_t>(image.width) * static_cast<std::size_t>(image.height));
  for (std::size_t i = 0; i < image.levels.size(); ++i)
    image.levels[i] = grey_of_pixel(pixels.values.get() + i * pixels.channels, pixels.channels);
  if (type == palette_type) look_up(image.levels, chunks[1], rules);
  return image;
}

}  // namespace ferry::cli

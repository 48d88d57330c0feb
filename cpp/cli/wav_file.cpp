// The chunks of a WAV file. The format is Microsoft's "Multiple Channel Audio Data and WAVE Files".
#include "wav_file.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>

#include "ferry/ferry.hpp"

namespace ferry::cli {

namespace {

constexpr std::array<std::string_view, 4> riff_kinds = {"RIFF", "RIFX", "RF64", "BW64"};  // the first is read
constexpr std::size_t header_bytes = 12;                                                  // RIFF, its size, WAVE
constexpr std::size_t chunk_header_bytes = 8;
constexpr std::size_t format_bytes = 16;
constexpr std::size_t extended_bytes = 40;
constexpr std::string_view guid_rest("\x00\x00\x00\x00\x10\x00\x80\x00\x00\xaa\x00\x38\x9b\x71", 14);
constexpr unsigned pcm = 1;
constexpr unsigned ieee_float = 3;
constexpr unsigned extensible = 0xFFFE;
constexpr auto kinds = "PCM of 16, 24 or 32 bits or float32";

std::string_view to_view(std::span<const std::byte> bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// `size` bytes from `at`, which are there.
std::uint32_t number_at(std::span<const std::byte> bytes, std::size_t at, std::size_t size) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint32_t>(bytes[at + i]) << (8 * i);
  return value;
}

struct Chunk {
  std::string_view name;
  std::span<const std::byte> content;
};

// Holds the size in the header to that of the file, which may have one byte more to be even.
void require_size(std::span<const std::byte> file, const std::string& name) {
  const std::uint64_t size = number_at(file, 4, 4);
  const std::uint64_t found = file.size() - chunk_header_bytes;
  if (size == found || (size % 2 == 1 && size + 1 == found)) return;
  refuse_wav(name, "a WAV of " + std::to_string(found) + " bytes behind its size", std::to_string(size),
             size > found ? "the file is cut short" : "there are trailing bytes, or its writer did not end it");
}

// The next chunk; `at` then stands behind it. The last one need not be padded.
Chunk next_chunk(std::span<const std::byte> file, std::size_t& at, const std::string& name) {
  if (file.size() - at < chunk_header_bytes)
    refuse_wav(name, "a WAV with a part of a chunk at its end", "whole ones", "the file is cut short");
  const auto title = to_view(file.subspan(at, 4));
  const std::size_t size = number_at(file, at + 4, 4);
  at += chunk_header_bytes;
  const auto left = file.size() - at;
  if (size > left)
    refuse_wav(name, "a WAV with a chunk of " + std::to_string(size) + " bytes of which " + std::to_string(left) + " are there",
               "all", "it is cut short");
  const auto content = file.subspan(at, size);
  at += std::min(size + size % 2, left);
  return {title, content};
}

// The tag of WAVE_FORMAT_EXTENSIBLE.
unsigned extended_tag(std::span<const std::byte> chunk, unsigned bits, const std::string& name) {
  if (chunk.size() < extended_bytes)
    refuse_wav(name, "a WAV with an extended format of " + std::to_string(chunk.size()) + " bytes",
               std::to_string(extended_bytes) + " or more");
  if (to_view(chunk).substr(extended_bytes - guid_rest.size(), guid_rest.size()) != guid_rest)
    refuse_wav(name, "a WAV of an unknown extended format", kinds);
  const auto valid_bits = number_at(chunk, 18, 2);
  if (valid_bits != bits)
    refuse_wav(name, "a WAV with " + std::to_string(valid_bits) + " valid bits of " + std::to_string(bits), "all of them");
  return number_at(chunk, 24, 2);
}

Wav read_format(std::span<const std::byte> chunk, const std::string& name) {
  if (chunk.size() < format_bytes)
    refuse_wav(name, "a WAV with a format of " + std::to_string(chunk.size()) + " bytes",
               std::to_string(format_bytes) + " or more");
  const auto bits = number_at(chunk, 14, 2);
  auto tag = number_at(chunk, 0, 2);
  if (tag == extensible) tag = extended_tag(chunk, bits, name);
  const bool is_known = tag == pcm ? bits == 16 || bits == 24 || bits == 32 : tag == ieee_float && bits == 32;
  if (!is_known) refuse_wav(name, "a WAV of format " + std::to_string(tag) + " and " + std::to_string(bits) + " bits", kinds);
  const auto channels = number_at(chunk, 2, 2);
  if (channels != 1) refuse_wav(name, "a WAV of " + std::to_string(channels) + " channels", "1", "mix it down before");
  const auto frame_bytes = number_at(chunk, 12, 2);
  if (frame_bytes != bits / 8)
    refuse_wav(name, "a WAV with a block align of " + std::to_string(frame_bytes) + " bytes",
               std::to_string(bits / 8) + " for 1 channel of " + std::to_string(bits) + " bits");
  return {tag == ieee_float, bits, number_at(chunk, 4, 4), {}};
}

}  // namespace

void refuse_wav(const std::string& name, const std::string& got, const std::string& expected, const std::string& advice) {
  throw Error(ErrorCode::bad_input, name + ": sound: got " + got + ", expected " + expected + "; " + advice);
}

bool is_wav(std::span<const std::byte> first_bytes) noexcept {
  const auto view = to_view(first_bytes);
  const bool is_riff = std::ranges::any_of(riff_kinds, [view](std::string_view kind) { return view.starts_with(kind); });
  return is_riff && view.size() >= header_bytes && view.substr(8, 4) == "WAVE";
}

Wav parse_wav(std::span<const std::byte> file, const std::string& name) {
  if (!is_wav(file)) refuse_wav(name, "a file of another kind than the first", "WAV", "take it out");
  const auto kind = to_view(file).substr(0, 4);
  if (kind != riff_kinds.front()) refuse_wav(name, "a WAV of kind " + std::string(kind), "RIFF");
  require_size(file, name);
  Wav found;
  bool has_format = false;
  bool has_data = false;
  for (std::size_t at = header_bytes; at < file.size();) {
    const auto [title, content] = next_chunk(file, at, name);
    if (title == "fmt ") {
      if (has_format) refuse_wav(name, "a WAV with a second or a late format", "one in front of its data");
      found = read_format(content, name);
      has_format = true;
    } else if (title == "data") {
      if (!has_format || has_data) refuse_wav(name, "a WAV with data without a format or twice", "one format, then its data");
      found.values = content;
      has_data = true;
    }
  }
  if (!has_data) refuse_wav(name, "a WAV without a format or data", "both");
  return found;
}

}  // namespace ferry::cli

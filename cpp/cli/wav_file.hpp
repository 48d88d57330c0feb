// WAV files: PCM of 16, 24 and 32 bits and IEEE float32, one channel (FORMAT.md section 10).
// The Python twin is python/torchferry/samples/wav.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace ferry::cli {

// What a file says of its sound, and the little-endian bytes of its values.
struct Wav {
  bool is_float = false;
  unsigned bits = 0;  // of a value: 16, 24 or 32
  std::uint32_t rate = 0;
  std::span<const std::byte> values;  // perhaps a part of one at the end; in the file's memory

  [[nodiscard]] std::size_t count() const noexcept { return values.size() / (bits / 8); }
};

// Do the first bytes belong to a WAV file, of a kind that is read or refused?
[[nodiscard]] bool is_wav(std::span<const std::byte> first_bytes) noexcept;

// "<name>: sound: got <got>, expected <expected>; <advice>". Throws Error(bad_input).
[[noreturn]] void refuse_wav(const std::string& name, const std::string& got, const std::string& expected,
                             const std::string& advice = "save it again as WAV");

// Reads the chunks of a whole file, which must outlive the result. Throws Error(bad_input) that begins with `name`.
[[nodiscard]] Wav parse_wav(std::span<const std::byte> file, const std::string& name);

}  // namespace ferry::cli

// Samples from image files, one file a sample: PNG, BMP and PGM of 8 bits, as grey levels.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "byte_stream.hpp"
#include "input.hpp"

namespace ferry::cli {

// Do the first bytes belong to an image, of a kind that is read or refused?
[[nodiscard]] bool is_image(std::span<const std::byte> first_bytes) noexcept;

struct GreyImage {
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::vector<std::uint8_t> levels;  // [height, width]
};

// Decodes a whole file. Colour becomes grey, alpha is ignored. A size other than the one expected (where it is given) is refused
// before the picture is decoded. Throws Error(bad_input).
struct ExpectedSize {
  std::optional<std::int64_t> height;
  std::optional<std::int64_t> width;
};
[[nodiscard]] GreyImage decode_image(std::span<const std::byte> file, const std::string& name, const ExpectedSize& expected);

// `first` is the already opened first path. The contract must be uint8 [N,H,W]. Throws Error(bad_input | io).
[[nodiscard]] std::unique_ptr<SampleReader> open_images(const TensorSpec& spec, const std::vector<std::string>& paths,
                                                        ByteStream first);

}  // namespace ferry::cli

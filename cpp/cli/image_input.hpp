// Samples from image files, one file a sample: PNG, JPEG, BMP, PGM and PPM.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "byte_stream.hpp"
#include "image_layout.hpp"
#include "image_picture.hpp"
#include "input.hpp"

namespace ferry::cli {

// Do the first bytes belong to an image, of a kind that is read or refused?
[[nodiscard]] bool is_image(std::span<const std::byte> first_bytes) noexcept;

// Decodes a whole file. A size other than the one expected (where it is given) is refused before the picture is decoded. Throws
// Error(bad_input), Error(unavailable) for a JPEG where this program has no decoder.
[[nodiscard]] Picture decode_image(std::span<const std::byte> file, const std::string& name, const ExpectedSize& expected);

// `first` is the already opened first path. Throws Error(bad_input | io) where the contract takes no pictures.
[[nodiscard]] std::unique_ptr<SampleReader> open_images(const TensorSpec& spec, const std::vector<std::string>& paths,
                                                        ByteStream first);

}  // namespace ferry::cli

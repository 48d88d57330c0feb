// PNG, JPEG, BMP, PGM and PPM files: a picture has as many levels as its size says, or Error.
#include "image_input.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <ferry/ferry.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::int64_t side = 16;  // larger pictures are refused before they are decoded
  return ferry::fuzz::refuses<ferry::Error>([&] {
    const auto image = ferry::cli::decode_image(std::as_bytes(std::span(data, size)), "picture", {side, side});
    if (image.levels.size() != static_cast<std::size_t>(image.height * image.width) * image.channels) std::abort();
    if (std::ranges::any_of(image.levels, [&](std::uint16_t level) { return level > image.maximum; })) std::abort();
  });
}

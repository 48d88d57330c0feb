// How a contract takes pictures: size, channels, their order and the scale (FORMAT.md section 10).
// The Python twin is python/torchferry/samples/image_layout.py.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "ferry/ferry.hpp"
#include "image_picture.hpp"

namespace ferry::cli {

// A size where the contract, or the first image, has one.
struct ExpectedSize {
  std::optional<std::int64_t> height;
  std::optional<std::int64_t> width;
};

// What an input wants of a picture.
class ImageLayout {
 public:
  // Throws Error(bad_input) that names the file where the input takes no pictures, or says too little.
  ImageLayout(const TensorSpec& spec, const std::string& name);

  [[nodiscard]] const ExpectedSize& size() const noexcept { return size_; }
  // How many channels a picture gets: 1, 3 or 4.
  [[nodiscard]] std::size_t channels() const noexcept { return channels_; }
  // Appends one upright picture in the contract's dtype.
  void append(const Picture& picture, std::vector<std::byte>& elements) const;
  // The shape of so many samples of upright pictures.
  [[nodiscard]] Shape shape(std::int64_t samples, std::int64_t height, std::int64_t width) const;
  [[nodiscard]] DType dtype() const noexcept { return dtype_; }

 private:
  // Does the picture stand upright, with the wanted channels in bytes? Then `copy_levels` does what `pixel` and `store` would do.
  [[nodiscard]] bool takes_levels(const Picture& picture) const;
  void copy_levels(const Picture& picture, std::byte* elements) const;
  [[nodiscard]] std::array<std::uint32_t, 4> pixel(const Picture& picture, std::size_t row, std::size_t column) const;
  void store(std::uint32_t level, std::uint32_t maximum, std::byte* element) const;

  DType dtype_;
  std::optional<std::size_t> axis_;  // of the channels in a batch
  std::size_t channels_ = 1;
  std::uint32_t top_ = 255;  // the level of white
  bool reversed_ = false;    // BGR
  ExpectedSize size_;
};

}  // namespace ferry::cli

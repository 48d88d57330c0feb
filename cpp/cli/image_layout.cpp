#include "image_layout.hpp"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <utility>
#include <variant>

#include "contract.hpp"
#include "input.hpp"

namespace ferry::cli {

namespace {

constexpr std::uint32_t most_tabled = 255;  // the largest level of a byte

constexpr std::string_view kinds = "[N,H,W], [N,1,H,W], [N,3,H,W], [N,4,H,W] or those with the channels last";

std::optional<std::int64_t> number_of(const Dim& dim) {
  const auto* number = std::get_if<std::int64_t>(&dim);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

// The axes where a picture's channels may stand.
std::vector<std::size_t> channel_axes(const TensorSpec& spec) {
  std::vector<std::size_t> axes;
  if (spec.shape.size() != 4) return axes;
  for (const std::size_t axis : {std::size_t{1}, std::size_t{3}}) {
    const auto number = number_of(spec.shape[axis]);
    if (number == 1 || number == 3 || number == 4) axes.push_back(axis);
  }
  return axes;
}

// Grey of a colour in fixed point, ITU-R BT.601: the weights sum to 65536, so grey pixels keep their level.
constexpr std::uint32_t grey_of(std::uint32_t red, std::uint32_t green, std::uint32_t blue) noexcept {
  return (19595U * red + 38470U * green + 7471U * blue + 32768U) >> 16U;
}

}  // namespace

ImageLayout::ImageLayout(const TensorSpec& spec, const std::string& name) : dtype_(spec.dtype) {
  const auto axes = channel_axes(spec);
  const auto refuse = [&](const std::string& problem) {
    throw Error(ErrorCode::bad_input, name + ": got an image, expected .npy" + problem);
  };
  const auto described = spec.name + " " + describe(spec);
  const bool known = (dtype_ == DType::uint8 || dtype_ == DType::float32) && is_batched(spec);
  if (!known || (axes.empty() && spec.shape.size() != 3))
    refuse(" or CSV: " + spec.name + " is " + describe(spec) + ", and images are uint8 or float32 " + std::string(kinds));
  if (axes.size() > 1) refuse(": the channels of " + described + " may stand first or last");
  const bool is_unit = spec.range && *spec.range == std::array<double, 2>{0, 1};
  const bool is_byte = spec.range && *spec.range == std::array<double, 2>{0, 255};
  if (dtype_ == DType::float32 && !is_unit && !is_byte)
    refuse(": " + described + " has not the range 0..1 or 0..255, so the level of white is not known; export it with one");
  if (is_unit) top_ = 1;
  if (!axes.empty()) {
    axis_ = axes.front();
    channels_ = static_cast<std::size_t>(number_of(spec.shape[axes.front()]).value_or(1));
  }
  reversed_ = spec.channels && spec.channels->starts_with("BGR");
  const std::size_t height = axis_ == std::size_t{1} ? 2 : 1;
  size_ = {number_of(spec.shape[height]), number_of(spec.shape[height + 1])};
}

Shape ImageLayout::shape(std::int64_t samples, std::int64_t height, std::int64_t width) const {
  const auto channels = static_cast<std::int64_t>(channels_);
  if (!axis_) return {samples, height, width};
  return *axis_ == 1 ? Shape{samples, channels, height, width} : Shape{samples, height, width, channels};
}

std::array<std::uint32_t, 4> ImageLayout::pixel(const Picture& picture, std::size_t row, std::size_t column) const {
  const auto* found = &picture.levels[(row * static_cast<std::size_t>(picture.width) + column) * picture.channels];
  const bool has_alpha = picture.channels == 2 || picture.channels == 4;
  const std::uint32_t alpha = has_alpha ? found[picture.channels - 1] : picture.maximum;
  const bool is_grey = picture.channels < 3;
  const std::uint32_t red = found[0];
  const std::uint32_t green = is_grey ? red : found[1];
  const std::uint32_t blue = is_grey ? red : found[2];
  if (channels_ == 1) return {is_grey ? red : grey_of(red, green, blue)};
  return reversed_ ? std::array{blue, green, red, alpha} : std::array{red, green, blue, alpha};
}

void ImageLayout::store(std::uint32_t level, std::uint32_t maximum, std::byte* element) const {
  if (dtype_ == DType::uint8) {  // rounded to the nearest level, halves up
    *element = static_cast<std::byte>((level * (2 * 255) + maximum) / (2 * maximum));
    return;
  }
  const float value = static_cast<float>(level * top_) / static_cast<float>(maximum);
  std::memcpy(element, &value, sizeof value);
}

namespace {

// Where a pixel of the upright picture lies in the stored one (EXIF's orientations, 1 to 8).
class Upright {
 public:
  explicit Upright(const Picture& picture)
      : is_on_side_(lies_on_side(picture.orientation)),
        is_mirrored_(picture.orientation == 2 || picture.orientation == 3 || picture.orientation == 6 ||
                     picture.orientation == 7),
        is_turned_(picture.orientation == 3 || picture.orientation == 4 || picture.orientation == 7 || picture.orientation == 8),
        height_(static_cast<std::size_t>(is_on_side_ ? picture.width : picture.height)),
        width_(static_cast<std::size_t>(is_on_side_ ? picture.height : picture.width)) {}

  [[nodiscard]] std::size_t height() const noexcept { return height_; }
  [[nodiscard]] std::size_t width() const noexcept { return width_; }

  // Row and column in the stored picture.
  [[nodiscard]] std::array<std::size_t, 2> stored(std::size_t y, std::size_t x) const noexcept {
    const std::size_t down = is_turned_ ? height_ - 1 - y : y;
    const std::size_t right = is_mirrored_ ? width_ - 1 - x : x;
    return is_on_side_ ? std::array{right, down} : std::array{down, right};
  }

 private:
  bool is_on_side_;
  bool is_mirrored_;
  bool is_turned_;
  std::size_t height_;
  std::size_t width_;
};

}  // namespace

bool ImageLayout::takes_levels(const Picture& picture) const {
  return picture.orientation == 1 && picture.channels == channels_ && picture.maximum <= most_tabled;
}

void ImageLayout::copy_levels(const Picture& picture, std::byte* elements) const {
  const bool planar = axis_ == std::size_t{1};
  const auto& levels = picture.levels;
  if (dtype_ == DType::uint8 && picture.maximum == most_tabled && (channels_ == 1 || !(planar || reversed_))) {
    std::ranges::transform(levels, elements, [](std::uint16_t level) { return static_cast<std::byte>(level); });
    return;
  }
  const std::size_t size = size_of(dtype_);
  std::vector<std::byte> stored((picture.maximum + 1) * size);
  for (std::uint32_t level = 0; level <= picture.maximum; ++level) store(level, picture.maximum, stored.data() + level * size);
  const std::size_t pixels = levels.size() / channels_;
  for (std::size_t c = 0; c < channels_; ++c) {
    const std::size_t from = reversed_ && c < 3 ? 2 - c : c;
    for (std::size_t i = 0; i < pixels; ++i) {
      const std::size_t place = planar ? c * pixels + i : i * channels_ + c;
      std::memcpy(elements + place * size, stored.data() + levels[i * channels_ + from] * size, size);
    }
  }
}

void ImageLayout::append(const Picture& picture, std::vector<std::byte>& elements) const {
  const Upright upright(picture);
  const std::size_t size = size_of(dtype_);
  const bool planar = axis_ == std::size_t{1};
  const std::size_t pixels = upright.height() * upright.width();
  const std::size_t start = elements.size();
  elements.resize(start + pixels * channels_ * size);
  if (takes_levels(picture)) {
    copy_levels(picture, elements.data() + start);
    return;
  }
  std::size_t i = 0;
  for (std::size_t y = 0; y < upright.height(); ++y) {
    for (std::size_t x = 0; x < upright.width(); ++x, ++i) {
      const auto [row, column] = upright.stored(y, x);
      const auto levels = pixel(picture, row, column);
      for (std::size_t c = 0; c < channels_; ++c) {
        const std::size_t place = planar ? c * pixels + i : i * channels_ + c;
        store(levels.at(c), picture.maximum, elements.data() + start + place * size);
      }
    }
  }
}

}  // namespace ferry::cli

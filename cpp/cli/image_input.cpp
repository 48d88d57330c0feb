#include "image_input.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "limits.hpp"

namespace ferry::cli {

namespace {

class ImageReader final : public SampleReader {
 public:
  ImageReader(const TensorSpec& spec, std::vector<std::string> paths, ByteStream first)
      : paths_(std::move(paths)), layout_(spec, first.name()), size_(layout_.size()), first_(std::move(first)) {}

  std::vector<Tensor> read(std::int64_t count) override {
    const auto left = static_cast<std::int64_t>(paths_.size() - next_);
    const auto samples = std::min(count, left);
    std::vector<std::byte> elements;
    for (std::int64_t i = 0; i < samples; ++i) append_next(elements);
    return {Tensor::copy(layout_.dtype(), layout_.shape(samples, size_.height.value_or(0), size_.width.value_or(0)), elements)};
  }

  [[nodiscard]] std::optional<std::int64_t> total() const override { return static_cast<std::int64_t>(paths_.size()); }
  [[nodiscard]] bool has_file_a_sample() const noexcept override { return true; }

 private:
  void append_next(std::vector<std::byte>& elements) {
    auto stream = next_ == 0 ? std::move(first_) : open_one(paths_[next_]);
    ++next_;
    const auto picture = decode_image(stream.read_all(limits::max_image_file_bytes), stream.name(), size_);
    if (picture.is_keyed && layout_.channels() == 4)
      throw Error(ErrorCode::bad_input, stream.name() +
                                            ": image: got a PNG with a transparent colour (tRNS), expected an alpha "
                                            "channel or none; save it again as PNG");
    const bool swapped = lies_on_side(picture.orientation);
    size_ = {swapped ? picture.width : picture.height, swapped ? picture.height : picture.width};  // the first fixes free sizes
    layout_.append(picture, elements);
  }

  std::vector<std::string> paths_;
  std::size_t next_ = 0;
  ImageLayout layout_;
  ExpectedSize size_;
  ByteStream first_;
};

}  // namespace

std::unique_ptr<SampleReader> open_images(const TensorSpec& spec, const std::vector<std::string>& paths, ByteStream first) {
  return std::make_unique<ImageReader>(spec, paths, std::move(first));
}

}  // namespace ferry::cli

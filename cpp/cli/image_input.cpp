#include "image_input.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "contract.hpp"
#include "limits.hpp"

namespace ferry::cli {

namespace {

std::optional<std::int64_t> number_of(const Dim& dim) {
  const auto* number = std::get_if<std::int64_t>(&dim);
  return number == nullptr ? std::nullopt : std::optional(*number);
}

class ImageReader final : public SampleReader {
 public:
  ImageReader(const TensorSpec& spec, std::vector<std::string> paths, ByteStream first)
      : paths_(std::move(paths)), first_(std::move(first)), size_{number_of(spec.shape[1]), number_of(spec.shape[2])} {}

  std::vector<Tensor> read(std::int64_t count) override {
    const auto left = static_cast<std::int64_t>(paths_.size() - next_);
    const auto samples = std::min(count, left);
    std::vector<std::uint8_t> levels;
    for (std::int64_t i = 0; i < samples; ++i) {
      const auto image = decode_next();
      size_ = {image.height, image.width};  // where H and W are free, the first image fixes them
      levels.insert(levels.end(), image.levels.begin(), image.levels.end());
    }
    return {Tensor::from<std::uint8_t>({samples, size_.height.value_or(0), size_.width.value_or(0)}, levels)};
  }

  [[nodiscard]] std::optional<std::int64_t> total() const override { return static_cast<std::int64_t>(paths_.size()); }

 private:
  GreyImage decode_next() {
    auto stream = next_ == 0 ? std::move(first_) : open_one(paths_[next_]);
    ++next_;
    return decode_image(stream.read_all(limits::max_image_file_bytes), stream.name(), size_);
  }

  std::vector<std::string> paths_;
  std::size_t next_ = 0;
  ByteStream first_;
  ExpectedSize size_;
};

}  // namespace

std::unique_ptr<SampleReader> open_images(const TensorSpec& spec, const std::vector<std::string>& paths, ByteStream first) {
  if (spec.dtype != DType::uint8 || spec.shape.size() != 3 || !is_batched(spec))
    throw Error(ErrorCode::bad_input, first.name() + ": got an image, expected .npy or CSV: " + spec.name + " is " +
                                          describe(spec) + ", and images are uint8[N,H,W]");
  return std::make_unique<ImageReader>(spec, paths, std::move(first));
}

}  // namespace ferry::cli

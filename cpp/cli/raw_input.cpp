#include "raw_input.hpp"

#include <algorithm>
#include <bit>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "contract.hpp"

namespace ferry::cli {

namespace {

static_assert(std::endian::native == std::endian::little, "raw values are used as they lie in memory");

constexpr std::size_t step_bytes = std::size_t{1} << 20U;  // memory grows by this much while a stream is read

// The shape of one sample, or of the only array of an input without a batch.
Shape sample_shape(const TensorSpec& spec, const std::string& name) {
  Shape sample;
  for (const auto& dim : std::span(spec.shape).subspan(is_batched(spec) ? 1 : 0))
    if (const auto* number = std::get_if<std::int64_t>(&dim)) sample.push_back(*number);
  if (sample.size() + (is_batched(spec) ? 1 : 0) != spec.shape.size() || element_count(sample) == 0)
    throw Error(ErrorCode::bad_input,
                name + ": got raw values, expected .npy: raw values say no shape, and " + spec.name + " is " + describe(spec));
  return sample;
}

class RawReader final : public SampleReader {
 public:
  RawReader(const TensorSpec& spec, ByteStream stream)
      : spec_(spec),
        stream_(std::move(stream)),
        sample_(sample_shape(spec, stream_.name())),
        sample_bytes_(element_count(sample_) * size_of(spec.dtype)) {
    if (const auto left = stream_.bytes_left()) require_whole(*left);
    if (!is_batched(spec)) whole_ = read_bytes(sample_bytes_ + 1);
  }

  std::vector<Tensor> read(std::int64_t count) override {
    if (!is_batched(spec_)) return {Tensor::copy(spec_.dtype, sample_, whole_)};
    constexpr auto most = std::numeric_limits<std::size_t>::max();
    const auto samples = static_cast<std::uint64_t>(count);
    const auto bytes = read_bytes(samples > most / sample_bytes_ ? most : samples * sample_bytes_);
    Shape shape = sample_;
    shape.insert(shape.begin(), static_cast<std::int64_t>(bytes.size() / sample_bytes_));
    return {Tensor::copy(spec_.dtype, std::move(shape), bytes)};
  }

  [[nodiscard]] std::optional<std::int64_t> total() const override { return std::nullopt; }

 private:
  // `wanted` bytes, or those that are left.
  std::vector<std::byte> read_bytes(std::size_t wanted) {
    std::vector<std::byte> bytes;
    bool ended = false;
    while (!ended && bytes.size() < wanted) {
      const auto start = bytes.size();
      const auto step = std::min(wanted - start, std::max(step_bytes, start));
      bytes.resize(start + step);
      const auto got = stream_.read(std::span(bytes).subspan(start));
      bytes.resize(start + got);
      ended = got < step;
    }
    taken_ += bytes.size();
    require_whole(taken_);
    return bytes;
  }

  void require_whole(std::uint64_t found) const {
    const bool batched = is_batched(spec_);
    if (found % sample_bytes_ == 0 && (batched || found == sample_bytes_)) return;
    throw Error(ErrorCode::bad_input, stream_.name() + ": raw: got " + std::to_string(found) + " bytes, expected " +
                                          (batched ? "a multiple of " : "") + std::to_string(sample_bytes_) + " for " +
                                          spec_.name + " " + describe(spec_) + "; is the file whole and of that dtype?");
  }

  TensorSpec spec_;
  ByteStream stream_;
  Shape sample_;
  std::size_t sample_bytes_;
  std::uint64_t taken_ = 0;
  std::vector<std::byte> whole_;  // of an input without a batch
};

}  // namespace

std::unique_ptr<SampleReader> open_raw(const TensorSpec& spec, ByteStream stream) {
  return std::make_unique<RawReader>(spec, std::move(stream));
}

}  // namespace ferry::cli

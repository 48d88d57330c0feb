#include "npy_input.hpp"

#include <cstdint>
#include <string>
#include <utility>

#include "contract.hpp"
#include "npy.hpp"

namespace ferry::cli {

namespace {

bool matches(const TensorSpec& spec, const npy::Header& header) {
  if (header.dtype != spec.dtype || header.shape.size() != spec.shape.size()) return false;
  for (std::size_t i = 0; i < spec.shape.size(); ++i) {
    const auto* number = std::get_if<std::int64_t>(&spec.shape[i]);
    if (number != nullptr && *number != header.shape[i]) return false;
  }
  return true;
}

void require_match(const TensorSpec& spec, const npy::Header& header, const std::string& file) {
  if (matches(spec, header)) return;
  throw Error(ErrorCode::bad_input, file + ": " + spec.name + ": got " + std::string(to_string(header.dtype)) +
                                        to_string(header.shape) + ", expected " + describe(spec) + "; convert it with numpy");
}

// Before anything is computed; the reader itself finds it out at the end, which is all that can be done with a pipe.
void require_size(const ByteStream& stream, const npy::Header& header) {
  const auto left = stream.bytes_left();
  const auto expected = element_count(header.shape) * size_of(header.dtype);
  if (!left || *left == expected) return;
  throw Error(ErrorCode::bad_input, stream.name() + ": data: got " + std::to_string(*left) + " bytes, expected " +
                                        std::to_string(expected) + " for shape " + to_string(header.shape) +
                                        (*left < expected ? "; the file is cut short" : "; there are trailing bytes"));
}

npy::Reader open_reader(ByteStream& stream) {
  return {[&stream](std::span<std::byte> buffer) { return stream.read(buffer); }, {stream.name(), ErrorCode::bad_input}};
}

class NpyReader final : public SampleReader {
 public:
  NpyReader(const TensorSpec& spec, ByteStream stream) : stream_(std::move(stream)), reader_(open_reader(stream_)) {
    require_match(spec, reader_.header(), stream_.name());
    require_size(stream_, reader_.header());
  }

  std::vector<Tensor> read(std::int64_t count) override { return {reader_.read(count)}; }
  [[nodiscard]] std::optional<std::int64_t> total() const override { return reader_.rows(); }

 private:
  ByteStream stream_;
  npy::Reader reader_;
};

// An input without a batch, which every call gets whole.
class WholeNpy final : public SampleReader {
 public:
  WholeNpy(const TensorSpec& spec, ByteStream stream)
      : tensor_(npy::parse(stream.read_all(max_whole_bytes), {stream.name(), ErrorCode::bad_input})) {
    require_match(spec, {tensor_.dtype(), tensor_.shape()}, stream.name());
  }

  std::vector<Tensor> read(std::int64_t /*count*/) override { return {tensor_}; }
  [[nodiscard]] std::optional<std::int64_t> total() const override { return std::nullopt; }

 private:
  static constexpr std::size_t max_whole_bytes = std::size_t{1} << 32U;
  Tensor tensor_;
};

}  // namespace

std::unique_ptr<SampleReader> open_npy(const TensorSpec& spec, ByteStream stream) {
  if (is_batched(spec)) return std::make_unique<NpyReader>(spec, std::move(stream));
  return std::make_unique<WholeNpy>(spec, std::move(stream));
}

}  // namespace ferry::cli

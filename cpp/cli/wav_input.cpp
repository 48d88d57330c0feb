#include "wav_input.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <utility>
#include <variant>

#include "contract.hpp"
#include "limits.hpp"
#include "wav_file.hpp"

namespace ferry::cli {

namespace {

// The sample rate. Refuses an input that takes no sound, or says too little.
std::int64_t rate_of(const TensorSpec& spec, const std::string& name) {
  const auto refuse = [&](const std::string& expected, const std::string& problem) {
    throw Error(ErrorCode::bad_input,
                name + ": got a WAV file, expected " + expected + ": " + spec.name + " " + describe(spec) + problem);
  };
  if (!spec.rate) refuse(".npy or CSV", " has no sample rate; export it with one, as int16[N,T]:16000Hz");
  if (spec.dtype == DType::float32 && spec.range && *spec.range != std::array<double, 2>{-1, 1})
    refuse(".npy", " has another range than -1..1, which is full scale; export it with that or none");
  return spec.rate.value_or(0);
}

// The little-endian integer of a value of PCM.
std::int32_t integer_of(std::span<const std::byte> value) {
  std::uint32_t number = 0;
  for (const auto byte : value) number = number >> 8U | std::to_integer<std::uint32_t>(byte) << 24U;
  return std::bit_cast<std::int32_t>(number) >> (32 - 8 * value.size());  // with its sign
}

template <typename T>
void store(T value, std::byte* element) noexcept {
  std::memcpy(element, &value, sizeof value);
}

class WavReader final : public SampleReader {
 public:
  WavReader(const TensorSpec& spec, std::vector<std::string> paths, ByteStream first)
      : dtype_(spec.dtype), rate_(rate_of(spec, first.name())), paths_(std::move(paths)), first_(std::move(first)) {
    if (const auto* length = std::get_if<std::int64_t>(&spec.shape.at(1))) length_ = *length;
  }

  std::vector<Tensor> read(std::int64_t count) override {
    const auto samples = std::min(count, static_cast<std::int64_t>(paths_.size() - next_));
    std::vector<std::byte> elements;
    for (std::int64_t i = 0; i < samples; ++i) append_next(elements);
    return {Tensor::copy(dtype_, {samples, length_.value_or(0)}, elements)};
  }

  [[nodiscard]] std::optional<std::int64_t> total() const override { return static_cast<std::int64_t>(paths_.size()); }
  [[nodiscard]] bool has_file_a_sample() const noexcept override { return true; }

 private:
  void append_next(std::vector<std::byte>& elements) {
    auto stream = next_ == 0 ? std::move(first_) : open_one(paths_[next_]);
    ++next_;
    const auto file = stream.read_all(limits::max_wav_file_bytes);
    const Wav wav = parse_wav(file, stream.name());
    require_fit(wav, stream.name());
    length_ = static_cast<std::int64_t>(wav.count());  // the first one fixes a free length
    append(wav, elements);
  }

  void require_fit(const Wav& wav, const std::string& name) const {
    const auto size = wav.bits / 8;
    if (wav.rate != rate_)
      refuse_wav(name, std::to_string(wav.rate) + " Hz", std::to_string(rate_) + " Hz", "resample it before");
    if (wav.values.empty() || wav.values.size() % size != 0)
      refuse_wav(name, std::to_string(wav.values.size()) + " bytes of data",
                 "whole values of " + std::to_string(size) + " bytes, at least one", "it is cut short");
    const auto count = static_cast<std::int64_t>(wav.count());
    if (const auto wanted = length_.value_or(count); wanted != count)
      refuse_wav(name, std::to_string(count) + " values", std::to_string(wanted), "cut or fill it before");
    if (dtype_ == DType::int16 && (wav.is_float || wav.bits != 16))
      refuse_wav(name, wav.is_float ? "float32" : "PCM of " + std::to_string(wav.bits) + " bits", "PCM of 16 bits for int16");
  }

  // Integers in float32 are divided by 2 to the power of their bits less one.
  void append(const Wav& wav, std::vector<std::byte>& elements) const {
    if (wav.is_float || dtype_ == DType::int16) {
      elements.insert(elements.end(), wav.values.begin(), wav.values.end());
      return;
    }
    const auto scale = std::ldexp(1.0F, 1 - static_cast<int>(wav.bits));
    const std::size_t size = wav.bits / 8;
    auto offset = elements.size();
    elements.resize(offset + wav.count() * sizeof(float));
    for (std::size_t at = 0; at < wav.values.size(); at += size, offset += sizeof(float))
      store(static_cast<float>(integer_of(wav.values.subspan(at, size))) * scale, elements.data() + offset);
  }

  DType dtype_;
  std::int64_t rate_;
  std::optional<std::int64_t> length_;  // values of each file
  std::vector<std::string> paths_;
  std::size_t next_ = 0;
  ByteStream first_;
};

}  // namespace

std::unique_ptr<SampleReader> open_wavs(const TensorSpec& spec, const std::vector<std::string>& paths, ByteStream first) {
  return std::make_unique<WavReader>(spec, paths, std::move(first));
}

}  // namespace ferry::cli

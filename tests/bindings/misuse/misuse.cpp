// `misuse CASE BUNDLE ENGINE ABSENT < IMAGE`: see tests/bindings/test_misuse.py.
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <ferry/batcher.hpp>
#include <ferry/ferry.hpp>
#include <span>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;

struct Words {
  std::string name;
  std::string engine;
  std::string absent;
};

void write(std::span<const std::byte> bytes) { std::fwrite(bytes.data(), 1, bytes.size(), stdout); }

void write(const ferry::NamedTensors& outputs) {
  for (const auto& [name, tensor] : outputs) write(tensor.bytes());
}

ferry::Tensor read_image() {
  ferry::Tensor image(ferry::DType::uint8, {1, 8, 8});
  if (std::fread(image.bytes().data(), 1, 64, stdin) != 64) throw ferry::Error(ferry::ErrorCode::io, "stdin: expected 64 bytes");
  return image;
}

void into(const ferry::Session& session, const ferry::Tensor& image, const std::string& name) {
  alignas(8) std::array<std::byte, 128> memory{};
  std::array<std::int64_t, 1> label{};
  const ferry::Shape row{1, 10};
  const ferry::Shape one{1};
  const std::size_t second = name == "overlap" ? 36 : name == "misaligned" ? 41 : 40;
  const std::span all(memory);
  const std::array inputs{ferry::TensorView{"image", image.dtype(), image.shape(), image.bytes()}};
  const std::array outputs{ferry::TensorBuffer{"logits", ferry::DType::float32, row, all.first(name == "small" ? 36 : 40)},
                           ferry::TensorBuffer{"probabilities", ferry::DType::float32, row, all.subspan(second, 40)},
                           ferry::TensorBuffer::of<std::int64_t>("label", one, label)};
  session.run_into(inputs, outputs);
  for (const auto& output : outputs) write(output.bytes);
}

void batched(const ferry::Bundle& bundle, const Words& words, const ferry::Tensor& image) {
  const auto& name = words.name;
  const ferry::BatcherOptions options{
      .most = 2, .wait = name == "late" || name == "batch" ? 50ms : 60s, .queue = 2, .keep_bits = name == "kept"};
  ferry::Batcher batcher(bundle, {.engine = words.engine, .device = "cpu"}, options);
  if (name == "closed-batcher") const ferry::Batcher gone = std::move(batcher);
  ferry::Batcher::Deadline deadline;
  if (name == "late") deadline = std::chrono::steady_clock::now() + 1ms;
  auto call = batcher.submit({{"image", image}}, deadline);
  if (name == "full") write(batcher.run({{"image", ferry::Tensor(ferry::DType::uint8, {2, 8, 8})}}));
  if (name == "cancelled") call.cancel();
  write(call.get());
}

void misuse(const ferry::Bundle& bundle, const Words& words) {
  const auto& name = words.name;
  const auto image = read_image();
  ferry::Session session(bundle, {.engine = words.engine, .device = "cpu"});
  if (name == "into" || name == "small" || name == "misaligned" || name == "overlap") {
    into(session, image, name);
  } else if (name == "absent") {
    const ferry::Session other(bundle, {.engine = words.absent, .device = "cpu"});
    std::puts(ferry::verify(bundle, other).reason.c_str());
  } else if (name == "closed") {
    const ferry::Session gone = std::move(session);
    write(session.run({{"image", image}}));
  } else {
    batched(bundle, words, image);
  }
}

}  // namespace

int main(int count, char** words) try {
  if (count != 5) return static_cast<int>(ferry::ErrorCode::usage);
  misuse(ferry::Bundle::open(words[2]), {words[1], words[3], words[4]});
  return 0;
} catch (const ferry::Error& error) {
  std::fprintf(stderr, "error: %s\n", error.what());
  return static_cast<int>(error.code());
}

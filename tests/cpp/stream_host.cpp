// A sequence on a Stream: `ferry_stream_host BUNDLE ENGINE < SAMPLES > ANSWERS`.
//
// The bundle has inputs `sample` float32[N,3] and `state`, and outputs `answer` and `next_state`. Reads samples of two sequences
// side by side, [steps, 2, 3]; writes the answers of all steps, then, after a reset, those of all steps again.
#include <cstddef>
#include <exception>
#include <ferry/stream.hpp>
#include <iostream>
#include <iterator>
#include <span>
#include <string>

namespace {

constexpr std::size_t step = 2 * 3 * sizeof(float);

void run_sequence(ferry::Stream& stream, std::span<const std::byte> samples) {
  for (; samples.size() >= step; samples = samples.subspan(step)) {
    const auto outputs = stream.run({{"sample", ferry::Tensor::copy(ferry::DType::float32, {2, 3}, samples.first(step))}});
    const auto bytes = outputs["answer"].bytes();
    std::cout.write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 3) return 2;
  const std::string input{std::istreambuf_iterator<char>(std::cin), {}};
  const auto bundle = ferry::Bundle::open(argv[1]);
  const ferry::Session session(bundle, {.engine = argv[2], .allow_native = true});
  ferry::Stream stream(bundle, session, bundle.contract().state, 2);
  run_sequence(stream, std::as_bytes(std::span(input)));
  stream.reset();
  run_sequence(stream, std::as_bytes(std::span(input)));
  return 0;
} catch (const ferry::Error& error) {
  std::cerr << "error: " << error.what() << '\n';
  return static_cast<int>(error.code());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 9;
}

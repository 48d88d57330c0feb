// The golden samples of a bundle through a Batcher, one sample a call, from many threads at once:
//
//   ferry_batcher_host BUNDLE ENGINE THREADS bits|bound
//
// Each answer is compared with that of a call of its own in a session. Prints "calls N, other bits M, keeps bits 0|1, us S", with
// the time of all of them.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <ferry/batcher.hpp>
#include <iostream>
#include <string_view>
#include <thread>
#include <vector>

namespace {

constexpr int rounds = 20;

ferry::NamedTensors sample_of(const ferry::NamedTensors& inputs, std::size_t index) {
  ferry::NamedTensors sample;
  for (const auto& [name, tensor] : inputs) {
    ferry::Shape shape = tensor.shape();
    const std::size_t row = tensor.bytes().size() / static_cast<std::size_t>(shape.front());
    shape.front() = 1;
    sample.add(name, ferry::Tensor::copy(tensor.dtype(), shape, tensor.bytes().subspan(index * row, row)));
  }
  return sample;
}

bool same_bits(const ferry::NamedTensors& one, const ferry::NamedTensors& other) {
  return std::ranges::equal(one, other, [](const auto& a, const auto& b) {
    return a.first == b.first && a.second.shape() == b.second.shape() && std::ranges::equal(a.second.bytes(), b.second.bytes());
  });
}

int run(const char* path, const char* engine, int count, bool keep_bits) {
  const auto bundle = ferry::Bundle::open(path);
  const ferry::SessionOptions options{.engine = engine, .allow_native = true};
  const ferry::Session session(bundle, options);
  const ferry::Batcher batcher(bundle, options, {.most = 16, .keep_bits = keep_bits});
  const auto inputs = bundle.read_tensors(bundle.manifest().golden.cases.front().inputs);
  const auto samples = static_cast<std::size_t>(inputs.begin()->second.shape().front());
  std::vector<ferry::NamedTensors> alone;
  for (std::size_t i = 0; i < samples; ++i) alone.push_back(session.run(sample_of(inputs, i)));
  std::atomic<std::size_t> others = 0;
  std::vector<std::thread> threads;
  const auto start = std::chrono::steady_clock::now();
  for (int number = 0; number < count; ++number)
    threads.emplace_back([&, number] {
      for (std::size_t call = 0; call < rounds * samples; ++call) {
        const std::size_t i = (call * 7 + static_cast<std::size_t>(number)) % samples;
        if (!same_bits(batcher.run(sample_of(inputs, i)), alone[i])) ++others;
      }
    });
  for (std::thread& thread : threads) thread.join();
  const auto time = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - start);
  std::cout << "calls " << static_cast<std::size_t>(count) * rounds * samples << ", other bits " << others << ", keeps bits "
            << batcher.keeps_bits() << ", us " << time.count() << '\n';
  return 0;
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 5) return 2;
  return run(argv[1], argv[2], std::atoi(argv[3]), std::string_view(argv[4]) == "bits");
} catch (const ferry::Error& error) {
  std::cerr << "error: " << error.what() << '\n';
  return static_cast<int>(error.code());
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 9;
}

// ferry_isolated_calls BUNDLE ENGINE BATCH PAUSE CALLS: what isolation adds to a call. Prints the medians in microseconds of
// calls in this process and in isolation, in blocks by turns, so that a slow moment of the machine meets both; then the processor
// time that this process used per call in each way: a waiting side that stays awake shows there.
//
// PAUSE: microseconds that the program sleeps between two calls.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <thread>
#include <vector>

#include "ferry/ferry.hpp"

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t block = 10;  // calls

struct Way {
  ferry::Session session;
  std::vector<double> calls;  // microseconds
  double processor = 0;       // microseconds, of all calls
};

double processor_us() {
  timespec used{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

ferry::NamedTensors zeros(const ferry::Contract& contract, std::int64_t batch) {
  ferry::NamedTensors inputs;
  for (const auto& spec : contract.inputs) {
    ferry::Shape shape;
    for (const auto& dim : spec.shape) {
      const auto* size = std::get_if<std::int64_t>(&dim);
      shape.push_back(size == nullptr ? batch : *size);
    }
    inputs.add(spec.name, ferry::Tensor(spec.dtype, shape));
  }
  return inputs;
}

void time_block(Way& way, const ferry::NamedTensors& inputs, std::chrono::microseconds pause) {
  for (std::size_t i = 0; i < block; ++i) {
    if (pause.count() > 0) std::this_thread::sleep_for(pause);
    const auto before = processor_us();
    const auto start = Clock::now();
    const auto outputs = way.session.run(inputs);
    way.calls.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    way.processor += processor_us() - before;
  }
}

double median(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

int run(const std::vector<std::string>& words) {
  const auto bundle = ferry::Bundle::open(words[1]);
  const auto inputs = zeros(bundle.contract(), std::stoll(words[3]));
  const std::chrono::microseconds pause(std::stoll(words[4]));
  std::array ways{Way{ferry::Session(bundle, {.engine = words[2], .allow_native = true}), {}},
                  Way{ferry::Session(bundle, {.engine = words[2], .allow_native = true, .isolate = true}), {}}};
  for (auto& way : ways) time_block(way, inputs, pause);
  for (auto& way : ways) way = {std::move(way.session), {}};
  while (ways.front().calls.size() < std::stoull(words[5]))
    for (auto& way : ways) time_block(way, inputs, pause);
  for (auto& way : ways) std::printf("%.1f ", median(way.calls));
  for (auto& way : ways) std::printf("%.1f ", way.processor / static_cast<double>(way.calls.size()));
  std::puts("");
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 6) return run({argv, argv + argc});
  std::fputs("ferry_isolated_calls BUNDLE ENGINE BATCH PAUSE CALLS\n", stderr);
  return static_cast<int>(ferry::ErrorCode::usage);
}

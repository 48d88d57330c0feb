// ferry-run bench: how long the model takes, and how much of it is ours: the same calls are timed through ferry, with memory for
// the outputs (run_into), and written directly against the runtime, in turns, so that a slow moment of the machine meets both.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include "bench_report.hpp"
#include "case_origin.hpp"
#include "console.hpp"
#include "engine_choice.hpp"
#include "ferry/ferry.hpp"
#include "input.hpp"
#include "text.hpp"
#include "verbs.hpp"

namespace ferry::cli {

namespace {

using Clock = std::chrono::steady_clock;
using Nanoseconds = std::vector<std::int64_t>;

constexpr std::size_t rounds = 50;               // of one block of ours and one direct
constexpr std::int64_t budget_ns = 500'000'000;  // of each way at one batch size, where --calls does not say
constexpr std::size_t min_calls = 100;
constexpr std::size_t max_calls = 100'000;

std::int64_t since(Clock::time_point start) { return std::chrono::nanoseconds(Clock::now() - start).count(); }

// The value below which `fraction` of the calls lie, in microseconds.
double quantile_us(Nanoseconds times, double fraction) {
  const auto index = static_cast<std::ptrdiff_t>(fraction * static_cast<double>(times.size() - 1));
  std::ranges::nth_element(times, times.begin() + index);
  return static_cast<double>(times[static_cast<std::size_t>(index)]) / 1e3;
}

// The golden samples repeated to `batch` rows; an input without a batch stays as it is.
Tensor tile(const Tensor& golden, std::int64_t batch) {
  Shape shape = golden.shape();
  const auto rows = static_cast<std::size_t>(shape.front());
  shape.front() = batch;
  Tensor tiled(golden.dtype(), shape);
  const auto row_bytes = golden.bytes().size() / rows;
  for (std::size_t row = 0; row < static_cast<std::size_t>(batch); ++row)
    std::ranges::copy(golden.bytes().subspan(row % rows * row_bytes, row_bytes),
                      tiled.bytes().subspan(row * row_bytes, row_bytes).begin());
  return tiled;
}

std::size_t golden_bytes(const GoldenCase& item) {
  std::size_t bytes = 0;
  for (const auto& [name, file] : item.inputs) bytes += file.bytes;
  return bytes;
}

// The inputs of the golden case that has the most, but for steps of a stream, which have no state.
NamedTensors golden_inputs(const Bundle& bundle) {
  auto cases = bundle.manifest().golden.cases;
  std::erase_if(cases, is_step);
  return bundle.read_tensors(std::ranges::max_element(cases, {}, golden_bytes)->inputs);
}

NamedTensors tile_inputs(const Contract& contract, const NamedTensors& golden, std::int64_t batch) {
  NamedTensors inputs;
  for (const auto& spec : contract.inputs) {
    const auto& tensor = golden[spec.name];
    const bool tiled = is_batched(spec) && tensor.shape().front() != 0;
    inputs.add(spec.name, tiled ? tile(tensor, batch) : tensor);
  }
  return inputs;
}

// The tensors of a call, and memory for its outputs.
class Call {
 public:
  // `answers` are what such a call gives. Both outlive this.
  Call(const NamedTensors& inputs, const NamedTensors& answers) {
    for (const auto& [name, tensor] : inputs) views_.push_back({name.c_str(), tensor.dtype(), tensor.shape(), tensor.bytes()});
    memory_.reserve(answers.size());
    for (const auto& [name, answer] : answers) {
      auto& tensor = memory_.emplace_back(answer.dtype(), answer.shape());
      buffers_.push_back({name.c_str(), tensor.dtype(), tensor.shape(), tensor.bytes()});
    }
  }

  [[nodiscard]] std::int64_t time(const Session& session) const {
    const auto start = Clock::now();
    session.run_into(views_, buffers_);
    return since(start);
  }

 private:
  std::vector<TensorView> views_;
  std::vector<Tensor> memory_;
  std::vector<TensorBuffer> buffers_;
};

std::size_t choose_calls(std::int64_t call_ns) {
  return std::clamp(static_cast<std::size_t>(budget_ns / std::max<std::int64_t>(call_ns, 1)), min_calls, max_calls);
}

// Blocks of our calls and of direct ones in turns.
std::pair<Nanoseconds, Nanoseconds> time_both(const Session& session, const Call& call, const NamedTensors& inputs,
                                              std::size_t calls) {
  Nanoseconds ours;
  Nanoseconds direct;
  const auto block = std::max<std::size_t>(1, calls / rounds);
  while (ours.size() < calls) {
    for (std::size_t i = 0; i < block; ++i) ours.push_back(call.time(session));
    const auto times = session.run_direct(inputs, block);
    direct.insert(direct.end(), times.begin(), times.end());
  }
  return {std::move(ours), std::move(direct)};
}

BatchFigures measure(const Session& session, const NamedTensors& inputs, std::int64_t batch, std::size_t calls) {
  const auto start = Clock::now();
  const auto answers = session.run(inputs);
  const auto first = since(start);
  const Call call(inputs, answers);
  if (calls == 0) calls = choose_calls(std::min(call.time(session), call.time(session)));
  const auto [ours, direct] = time_both(session, call, inputs, calls);
  BatchFigures figures;
  figures.batch = batch;
  figures.calls = ours.size();
  figures.first_us = static_cast<double>(first) / 1e3;
  figures.p50_us = quantile_us(ours, 0.5);
  figures.p99_us = quantile_us(ours, 0.99);
  figures.samples_per_s = static_cast<double>(batch) / figures.p50_us * 1e6;
  if (!direct.empty()) figures.direct_p50_us = quantile_us(direct, 0.5);
  return figures;
}

}  // namespace

int bench(const BenchOptions& options) {
  for (const auto batch : options.batches)
    if (batch < 1) throw Error(ErrorCode::usage, "--batch: got " + std::to_string(batch) + ", expected at least 1");
  if (options.calls < 0) throw Error(ErrorCode::usage, "--calls: got " + std::to_string(options.calls) + ", expected at least 0");
  const auto calls = static_cast<std::size_t>(options.calls);
  const auto bundle = Bundle::open(text::path_of(options.bundle.folder), options.bundle.trust);
  const auto golden = golden_inputs(bundle);
  const auto start = Clock::now();
  const auto session = open_session(bundle, options.engine);
  const auto load_ms = static_cast<double>(since(start)) / 1e6;
  BenchResult result{.bundle = text::utf8(bundle.folder()),
                     .name = bundle.manifest().name,
                     .engine = session.engine(),
                     .device = session.device(),
                     .runtime = session.runtime(),
                     .numerics = session.numerics(),
                     .threads = static_cast<int>(options.engine.threads),
                     .load_ms = load_ms,
                     .batches = {}};
  for (const auto batch : options.batches)
    result.batches.push_back(measure(session, tile_inputs(bundle.contract(), golden, batch), batch, calls));
  options.json ? print_json(bench_json(result)) : print(bench_text(result));
  return EXIT_SUCCESS;
}

}  // namespace ferry::cli

// What libferry costs: a session's call with the engine `toy` beside the engine's own loop, the contract's checks and SHA-256.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <numeric>

#include "contract.hpp"
#include "digest.hpp"
#include "runner.hpp"
#include "toy_bundle.hpp"

namespace {

using ferry::NamedTensors;
using ferry::Session;

Session open_session() {
  const ToyBundle toy;
  return Session(toy.open(), {.engine = "toy"});
}

void session_run(benchmark::State& state) {
  const Session session = open_session();
  const NamedTensors inputs{{"x", toy_input(state.range(0))}};
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(session.run(inputs));
}
BENCHMARK(session_run)->Arg(1)->Arg(64);

// The engine without the host; the difference to session_run is libferry's share. Each call's time holds one reading of the
// clock.
void engine_alone(benchmark::State& state) {
  constexpr std::size_t batch = 1000;
  const Session session = open_session();
  const NamedTensors inputs{{"x", toy_input(state.range(0))}};
  while (state.KeepRunningBatch(batch)) {
    const std::vector<std::int64_t> nanoseconds = session.run_direct(inputs, batch);
    state.SetIterationTime(static_cast<double>(std::accumulate(nanoseconds.begin(), nanoseconds.end(), std::int64_t{0})) * 1e-9);
  }
}
BENCHMARK(engine_alone)->Arg(1)->Arg(64)->UseManualTime();

void finite_check(benchmark::State& state) {
  const NamedTensors inputs{{"x", ferry::Tensor(ferry::DType::float32, {state.range(0)})}};
  const ferry_tensor_view view = ferry::views_of(inputs)[0];
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(ferry::all_finite(view));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(view.bytes));
}
BENCHMARK(finite_check)->Arg(784)->Arg(1 << 20U);

void sha256(benchmark::State& state) {
  const std::vector<std::byte> bytes(std::size_t{1} << 20U);
  for ([[maybe_unused]] auto iteration : state) benchmark::DoNotOptimize(ferry::sha256_hex(bytes));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes.size()));
}
BENCHMARK(sha256);

}  // namespace

BENCHMARK_MAIN();

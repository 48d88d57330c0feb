// What `ferry-run bench` measured, for people and as JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ferry::cli {

struct BatchFigures {
  std::int64_t batch = 0;
  std::size_t calls = 0;
  double first_us = 0;  // the first call with this batch size
  double p50_us = 0;
  double p99_us = 0;
  double samples_per_s = 0;
  std::optional<double> direct_p50_us;  // the same calls written directly against the runtime
};

struct BenchResult {
  std::string bundle;
  std::string name;
  std::string engine;
  std::string device;
  std::string runtime;
  std::string numerics;
  int threads = 1;
  double load_ms = 0;  // of the session: plugin, runtime, model and warm-up
  std::vector<BatchFigures> batches;
};

[[nodiscard]] std::string bench_text(const BenchResult& result);
[[nodiscard]] std::string bench_json(const BenchResult& result);

}  // namespace ferry::cli

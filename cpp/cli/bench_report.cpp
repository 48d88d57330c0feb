#include "bench_report.hpp"

#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "table.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

using Json = nlohmann::ordered_json;

std::string us(double value) { return text::short_number(value, value < 1000 ? 3 : 4); }

std::vector<std::string> row_of(const BatchFigures& figures) {
  std::vector<std::string> row = {std::to_string(figures.batch),
                                  std::to_string(figures.calls),
                                  us(figures.first_us),
                                  us(figures.p50_us),
                                  us(figures.p99_us),
                                  std::to_string(std::llround(figures.samples_per_s))};
  if (!figures.direct_p50_us) {
    row.insert(row.end(), {"-", "-", "-"});
  } else {
    const auto overhead = figures.p50_us - *figures.direct_p50_us;
    row.insert(row.end(), {us(*figures.direct_p50_us), text::short_number(overhead),
                           text::short_number(100 * overhead / *figures.direct_p50_us)});
  }
  return row;
}

Json to_json(const BatchFigures& figures) {
  Json object = {{"batch", figures.batch},   {"calls", figures.calls},   {"first_us", figures.first_us},
                 {"p50_us", figures.p50_us}, {"p99_us", figures.p99_us}, {"samples_per_s", figures.samples_per_s},
                 {"direct_p50_us", nullptr}, {"overhead_us", nullptr},   {"overhead_percent", nullptr}};
  if (figures.direct_p50_us) {
    const auto overhead = figures.p50_us - *figures.direct_p50_us;
    object["direct_p50_us"] = *figures.direct_p50_us;
    object["overhead_us"] = overhead;
    object["overhead_percent"] = 100 * overhead / *figures.direct_p50_us;
  }
  return object;
}

}  // namespace

std::string bench_text(const BenchResult& result) {
  std::vector<std::vector<std::string>> rows = {
      {"batch", "calls", "first us", "p50 us", "p99 us", "samples/s", "direct p50 us", "overhead us", "overhead %"}};
  for (const auto& figures : result.batches) rows.push_back(row_of(figures));
  return result.name + ": " + result.engine + " on " + result.device + ", " + result.runtime + ", threads " +
         std::to_string(result.threads) + ", load " + text::short_number(result.load_ms) + " ms\n" + align(rows);
}

std::string bench_json(const BenchResult& result) {
  auto batches = Json::array();
  for (const auto& figures : result.batches) batches.push_back(to_json(figures));
  const Json object = {{"bundle", result.bundle},   {"name", result.name},       {"engine", result.engine},
                       {"device", result.device},   {"runtime", result.runtime}, {"numerics", result.numerics},
                       {"threads", result.threads}, {"load_ms", result.load_ms}, {"batches", std::move(batches)}};
  return object.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace ferry::cli

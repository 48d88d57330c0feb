#include "bench_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace {

using ferry::cli::BatchFigures;
using ferry::cli::BenchResult;

BenchResult result(std::optional<double> direct) {
  BatchFigures figures;
  figures.batch = 64;
  figures.calls = 10;
  figures.p50_us = 11;
  figures.direct_p50_us = direct;
  return {.bundle = "b",
          .name = "n",
          .engine = "e",
          .device = "cpu",
          .runtime = "R 1",
          .numerics = "",
          .threads = 1,
          .load_ms = 3,
          .batches = {figures}};
}

TEST(BenchReport, OverheadIsOursLessTheDirectLoops) {
  const auto batch = nlohmann::json::parse(bench_json(result(10)))["batches"][0];
  EXPECT_EQ(batch["overhead_us"], 1.0);
  EXPECT_EQ(batch["overhead_percent"], 10.0);
  EXPECT_NE(bench_text(result(10)).find("10             1            10"), std::string::npos) << bench_text(result(10));
}

TEST(BenchReport, EngineWithoutADirectLoopHasNoOverhead) {
  EXPECT_TRUE(nlohmann::json::parse(bench_json(result({})))["batches"][0]["overhead_us"].is_null());
  EXPECT_NE(bench_text(result({})).find("-              -            -"), std::string::npos) << bench_text(result({}));
}

}  // namespace

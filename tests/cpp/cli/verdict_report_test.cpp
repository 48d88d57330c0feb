#include "verdict_report.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <nlohmann/json.hpp>

#include "replay.hpp"
#include "toy_bundle.hpp"
#include "verdict_json.hpp"

namespace {

using ferry::EngineVerdict;
using ferry::Verdict;
using Status = EngineVerdict::Status;

Verdict verdict(bool passed) {
  Verdict item;
  item.golden_case = "batch-4";
  item.output = "scaled";
  item.passed = passed;
  item.tolerance.reason = "a product with 2 is exact";
  item.compared = 12;
  item.mismatches = passed ? 0 : 3;
  item.max_abs = passed ? 0 : std::numeric_limits<double>::infinity();
  item.max_ulp = item.max_abs;
  item.worst = {{1, 2}, passed ? 1.5 : std::numeric_limits<double>::quiet_NaN(), 1.5};
  return item;
}

EngineVerdict engine(Status status) {
  EngineVerdict item{.engine = "toy", .device = "cpu", .status = status, .reason = {}, .numerics = {}, .verdicts = {}};
  if (status == Status::unavailable)
    item.reason = "not installed";
  else
    item.verdicts = {verdict(status == Status::passed)};
  return item;
}

bool passed(const std::vector<EngineVerdict>& engines) { return ferry::all_passed(engines); }

TEST(Verdicts, PassOnlyWhereAnEngineRanAndNoneFailed) {
  EXPECT_TRUE(passed({engine(Status::passed), engine(Status::unavailable)}));
  EXPECT_FALSE(passed({engine(Status::passed), engine(Status::failed)}));
  EXPECT_FALSE(passed({engine(Status::unavailable)}));
  EXPECT_FALSE(passed({}));
}

TEST(VerdictText, ShowsTheEvidenceOfAFailure) {
  const auto text =
      ferry::cli::verdicts_text(ToyBundle().open(), std::vector{engine(Status::failed), engine(Status::unavailable)});
  EXPECT_NE(text.find("toy: synthetic goldens: counted numbers\n"), std::string::npos) << text;
  EXPECT_NE(text.find("9/12   FAIL"), std::string::npos) << text;
  EXPECT_NE(text.find("FAIL toy batch-4 scaled: at [1,2] got nan, expected 1.5; tolerance: a product with 2 is exact\n"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("FAILED toy\ncould not run toy: not installed\n"), std::string::npos) << text;
}

TEST(VerdictJson, WritesWhatIsNotFiniteAsText) {
  const auto json = nlohmann::json::parse(ferry::verdicts_json(ToyBundle().open(), std::vector{engine(Status::failed)}));
  const auto& item = json["engines"][0]["verdicts"][0];
  EXPECT_FALSE(json["passed"]);
  EXPECT_EQ(json["source"], "synthetic");
  EXPECT_EQ(item["max_abs"], "inf");
  EXPECT_EQ(item["max_ulp"], "inf");
  EXPECT_EQ(item["worst"]["actual"], "nan");
  EXPECT_EQ(item["worst"]["index"], (std::vector<int>{1, 2}));
  EXPECT_TRUE(item["problem"].is_null());
}

TEST(VerdictJson, GivesTheReasonOfAnEngineThatCouldNotRun) {
  const auto json = nlohmann::json::parse(ferry::verdicts_json(ToyBundle().open(), std::vector{engine(Status::unavailable)}));
  EXPECT_FALSE(json["passed"]);
  EXPECT_EQ(json["engines"][0]["status"], "unavailable");
  EXPECT_EQ(json["engines"][0]["reason"], "not installed");
  EXPECT_TRUE(json["engines"][0]["numerics"].is_null());
}

}  // namespace

#include <gtest/gtest.h>

#include <cstdlib>

#include "replay.hpp"
#include "telling.hpp"
#include "toy_bundle.hpp"

namespace {

using ferry::EngineVerdict;

EngineVerdict verify(const ToyBundle& toy, std::size_t calls = 1) {
  const ferry::Bundle bundle = toy.open();
  return ferry::verify(bundle, ferry::Session(bundle, {.engine = "toy"}), calls);
}

TEST(Verify, EveryOutputOfEveryCaseGetsAVerdict) {
  const EngineVerdict verdict = verify(ToyBundle());
  EXPECT_EQ(verdict.status, EngineVerdict::Status::passed);
  EXPECT_EQ(verdict.engine, "toy");
  EXPECT_EQ(verdict.device, "cpu");
  EXPECT_EQ(verdict.numerics, "toy numerics");
  ASSERT_EQ(verdict.verdicts.size(), 4U);
  EXPECT_EQ(verdict.verdicts[0].golden_case, "batch-4");
  EXPECT_EQ(verdict.verdicts[0].output, "scaled");
  EXPECT_EQ(verdict.verdicts[0].compared, 12U);
  EXPECT_EQ(verdict.verdicts[3].golden_case, "batch-1");
  EXPECT_EQ(verdict.verdicts[3].output, "label");
}

TEST(Verify, AnEngineThatBreaksDownHasFailedAndTheOthersGoOn) {
  const ToyBundle toy("fail");
  const ferry::Bundle bundle = toy.open();
  const auto open = [&](const std::string& engine) { return ferry::Session(bundle, {.engine = engine}); };
  const ferry::Replay result = ferry::replay(bundle, {.engine = {}, .device = "cpu"}, open);
  ASSERT_EQ(result.verdicts.size(), bundle.manifest().artifacts.size());
  EXPECT_EQ(result.verdicts.front().status, EngineVerdict::Status::failed);
  EXPECT_EQ(result.verdicts.front().reason, "engine toy: memory: got none, expected some");
  EXPECT_FALSE(ferry::all_passed(result.verdicts));
  EXPECT_EQ(failure_of([&] { static_cast<void>(ferry::replay(bundle, {.engine = "toy", .device = "cpu"}, open)); }).code, 6);
}

TEST(Verify, OneWrongWeightTurnsItRed) {
  const EngineVerdict verdict = verify(ToyBundle("scale 2.0001"));
  EXPECT_EQ(verdict.status, EngineVerdict::Status::failed);
  EXPECT_FALSE(verdict.verdicts[0].passed);
  EXPECT_EQ(verdict.verdicts[0].mismatches, 11U);  // 0 stays 0
  EXPECT_TRUE(verdict.verdicts[1].passed);
}

TEST(Verify, AnOutputOfAnotherSizeThanItsCaseIsABrokenBundle) {
  const auto refusal = [](const char* part, ferry::DType dtype, const ferry::Shape& shape) {
    ToyBundle toy;
    toy.manifest["golden"]["cases"][0][part]["scaled"] =
        toy.add_tensor(std::string("golden/batch-4.") + part + ".scaled.npy", ferry::Tensor(dtype, shape));
    toy.write_manifest();
    const Failure failure = failure_of([&] { static_cast<void>(verify(toy)); });
    EXPECT_EQ(failure.code, 3);
    return failure.text;
  };
  EXPECT_NE(refusal("float64", ferry::DType::float64, {4, 2}).find("golden case batch-4: output scaled: shape [4,2]: dim 1"),
            std::string::npos);
  EXPECT_NE(refusal("float32", ferry::DType::float32, {3, 3}).find("dim 0: got 3, expected N = 4"), std::string::npos);
  EXPECT_NE(refusal("float64", ferry::DType::float32, {4, 3}).find("dtype: got float32, expected float64"), std::string::npos);
}

TEST(Verify, EveryCallGetsAVerdict) {
  const EngineVerdict verdict = verify(ToyBundle("scale 2.0001"), 3);
  ASSERT_EQ(verdict.verdicts.size(), 12U);
  for (std::size_t i = 0; i < verdict.verdicts.size(); ++i) {
    EXPECT_EQ(verdict.verdicts[i].call, i / 4 + 1);
    EXPECT_EQ(verdict.verdicts[i].passed, i % 2 == 1);
  }
}

TEST(Verify, AnAnswerWhoseClassHasNoNameFails) {
  ToyBundle toy;
  toy.manifest["contract"]["classes"]["names"] = {"left", "middle"};
  toy.write_manifest();
  const EngineVerdict verdict = verify(toy);
  EXPECT_EQ(verdict.status, EngineVerdict::Status::failed);
  EXPECT_EQ(verdict.verdicts[1].problem, "got class 2, expected 0 to 1, which have names; name every class and export again");
}

TEST(Verify, NoCallsAreNoProofAndTooManyAreRefused) {
  const auto refusal = [](std::size_t calls) { return failure_of([&] { static_cast<void>(verify(ToyBundle(), calls)); }); };
  EXPECT_EQ(refusal(0).text, "calls: got 0, expected 1 to 100");
  EXPECT_EQ(refusal(101).text, "calls: got 101, expected 1 to 100");
  EXPECT_EQ(refusal(std::size_t(-1)).code, 2);
  EXPECT_EQ(verify(ToyBundle(), ferry::max_verify_calls).status, EngineVerdict::Status::passed);
}

TEST(Verify, AnEmptyBundleHasFailedAndSaysWhy) {
  const ToyBundle toy;
  const ferry::EngineVerdict verdict = ferry::verify(ferry::Bundle(), ferry::Session(toy.open(), {.engine = "toy"}));
  EXPECT_EQ(verdict.status, EngineVerdict::Status::failed);
  EXPECT_EQ(verdict.reason, "goldens: got no output to compare, expected at least one; open a bundle that has some");
}

// The `any` row of `scaled` with that bound, and a reason that names it.
void loosen(ToyBundle& toy, double bound, const char* reason) {
  toy.manifest["tolerances"][0]["bound"] = bound;
  toy.manifest["tolerances"][0]["reason"] = reason;
  toy.write_manifest();
}

TEST(Verify, ABoundThatNoGoldenCouldBreakIsRefused) {
  ToyBundle toy("scale 2.0001");
  loosen(toy, 1000, "at most 1000: a test");
  try {
    static_cast<void>(verify(toy));
    FAIL();
  } catch (const ferry::Error& error) {
    EXPECT_EQ(error.code(), ferry::ErrorCode::format);
    EXPECT_NE(std::string(error.what()).find("toy cpu scaled: bound: got 1e+03, expected at most 0.0859"), std::string::npos);
  }
}

TEST(Verify, WhatFloat32ItselfLosesIsAllowedFor256Times) {
  ferry::Rounding rounding;
  rounding.add(ferry::Tensor::from<float>({1}, {1.0F}), ferry::Tensor::from<double>({1}, {1.25}));
  EXPECT_EQ(rounding.largest_bound(false), 64);
  rounding.add(ferry::Tensor::from<float>({1}, {32768.0F}), ferry::Tensor::from<double>({1}, {32768.0}));
  EXPECT_EQ(rounding.largest_bound(false), 128);
  EXPECT_EQ(rounding.largest_bound(true), 4096);
}

TEST(Verify, ABoundOfFewerThanEightBitsIsTaken) {
  ToyBundle toy("scale 2.0001");
  loosen(toy, 0.08, "at most 0.08: a test");
  const EngineVerdict verdict = verify(toy);
  EXPECT_EQ(verdict.status, EngineVerdict::Status::passed);
  EXPECT_EQ(verdict.reason, "");
}

// A row that the wrong model passes, beside the `any` row.
void add_golden_row(ToyBundle& toy, const char* numerics) {
  nlohmann::json row = toy.manifest["tolerances"][0];
  row["numerics"] = "golden";
  row["bound"] = 0.01;
  row["reason"] = "at most 0.01: a test";
  toy.manifest["tolerances"].push_back(row);
  toy.manifest["golden"]["numerics"] = numerics;
  toy.write_manifest();
}

TEST(Verify, TheGoldenRowHoldsOnTheGoldensMachine) {
  ToyBundle toy("scale 2.0001");
  add_golden_row(toy, "toy numerics");
  const EngineVerdict verdict = verify(toy);
  EXPECT_EQ(verdict.verdicts[0].tolerance.bound, 0.01);
  EXPECT_EQ(verdict.status, EngineVerdict::Status::passed);
}

TEST(Verify, TheAnyRowHoldsElsewhere) {
  ToyBundle toy("scale 2.0001");
  add_golden_row(toy, "another machine");
  const EngineVerdict verdict = verify(toy);
  EXPECT_EQ(verdict.verdicts[0].tolerance.bound, 0);
  EXPECT_EQ(verdict.status, EngineVerdict::Status::failed);
}

TEST(Verify, TwoEmptyNumericsPromiseNothing) {
  ToyBundle toy("scale 2.0001");
  add_golden_row(toy, "");
  ::setenv("FERRY_TOY_NUMERICS", "", 1);
  const EngineVerdict verdict = verify(toy);
  ::unsetenv("FERRY_TOY_NUMERICS");
  EXPECT_EQ(verdict.numerics, "");
  EXPECT_EQ(verdict.verdicts[0].tolerance.numerics, "any");
  EXPECT_EQ(verdict.status, EngineVerdict::Status::failed);
}

}  // namespace

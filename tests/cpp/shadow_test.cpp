#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <ferry/shadow.hpp>
#include <limits>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "toy_bundle.hpp"

namespace {

using ferry::ShadowCounts;
using ferry::ShadowedSession;
using ferry::ShadowOptions;
using ferry::ShadowVerdict;

constexpr std::size_t calls = 10;

// Both engines are the toy, which counts its calls where its model says so: then no two answers are alike.
std::vector<ShadowVerdict> verdicts_of(const ToyBundle& toy, ShadowOptions options, ShadowCounts* counts = nullptr) {
  std::vector<ShadowVerdict> verdicts;
  options.engine = "toy";
  options.on_verdict = [&](const ShadowVerdict& verdict) { verdicts.push_back(verdict); };
  const ShadowedSession session(toy.open(), {.engine = "toy"}, options);
  for (std::size_t i = 0; i < calls; ++i) {
    static_cast<void>(session.run({{"x", toy_input(2)}}));
    std::this_thread::sleep_for(std::chrono::milliseconds(2));  // the shadow keeps up
  }
  if (counts != nullptr) *counts = session.counts();
  return verdicts;
}

TEST(Shadow, RepeatsOneOfSoManyCalls) {
  const ToyBundle toy;
  for (const auto& [every, expected] : {std::pair<std::size_t, std::size_t>{1, 10}, {3, 4}, {100, 1}}) {
    const auto verdicts = verdicts_of(toy, {.engine = {}, .every = every});
    EXPECT_EQ(verdicts.size(), expected);
    for (const ShadowVerdict& verdict : verdicts) {
      EXPECT_TRUE(verdict.passed);
      ASSERT_EQ(verdict.outputs.size(), 2U);
      EXPECT_EQ(verdict.outputs[0].output, "scaled");
      EXPECT_EQ(verdict.outputs[0].compared, 6U);
    }
  }
}

TEST(Shadow, SaysWhichOutputDrifts) {
  const ToyBundle toy("count calls");
  ShadowCounts counts;
  const auto verdicts = verdicts_of(toy, {.engine = {}, .every = 2}, &counts);
  EXPECT_EQ(counts.calls, calls);
  EXPECT_EQ(verdicts.size(), 5U);
  for (std::size_t i = 1; i < verdicts.size(); ++i) {  // the first calls of both may have one number
    EXPECT_FALSE(verdicts[i].passed);
    EXPECT_FALSE(verdicts[i].outputs[0].passed);
    EXPECT_TRUE(verdicts[i].outputs[1].passed) << "the labels are right";
  }
  EXPECT_GE(counts.failed, 4U);
}

TEST(Shadow, AllowsTheSumOfBothBounds) {
  ToyBundle toy;
  for (auto& row : toy.manifest["tolerances"])
    if (row["output"] == "scaled" && row["kind"] == "absolute") row.update({{"bound", 0.25}, {"reason", "at most 0.25: a test"}});
  toy.write_manifest();
  EXPECT_EQ(verdicts_of(toy, {.engine = {}, .every = 100}).at(0).outputs[0].tolerance.bound, 0.5);
}

TEST(Shadow, AFullQueueSkipsAndCounts) {
  const ToyBundle toy;
  std::mutex gate;
  gate.lock();
  std::size_t told = 0;
  {
    const ShadowedSession session(toy.open(), {.engine = "toy"},
                                  {.engine = "toy", .every = 1, .queue = 2, .on_verdict = [&](const ShadowVerdict&) {
                                     const std::scoped_lock lock(gate);
                                     ++told;
                                   }});
    for (std::size_t i = 0; i < calls; ++i) static_cast<void>(session.run({{"x", toy_input(1)}}));
    EXPECT_GE(session.counts().skipped, calls - 4);
    gate.unlock();
  }
  EXPECT_LE(told, 4U);
  EXPECT_GE(told, 2U);
}

TEST(Shadow, AHookThatThrowsHarmsNothing) {
  const ToyBundle toy;
  const ShadowedSession session(toy.open(), {.engine = "toy"},
                                {.engine = "toy", .every = 1, .on_verdict = [](const ShadowVerdict&) {
                                   throw ferry::Error(ferry::ErrorCode::io, "the log is full");
                                 }});
  for (std::size_t i = 0; i < calls; ++i) EXPECT_EQ(session.run({{"x", toy_input(1)}})["label"].size(), 1U);
}

TEST(Shadow, RefusesWhatMakesNoSense) {
  const ToyBundle toy;
  const auto refusal = [&](const ShadowOptions& options) {
    return failure_of([&] { const ShadowedSession session(toy.open(), {.engine = "toy"}, options); }).code;
  };
  EXPECT_EQ(refusal({.engine = "toy", .every = 0}), 2);
  EXPECT_EQ(refusal({.engine = "toy", .queue = 0}), 2);
  EXPECT_EQ(refusal({.engine = "onnxruntime"}), 5);
  const ToyBundle fresh;
  ShadowedSession session(fresh.open(), {.engine = "toy"}, {.engine = "toy"});
  const ShadowedSession other = std::move(session);
  EXPECT_EQ(failure_of([&] { static_cast<void>(session.run({{"x", toy_input(1)}})); }).code,
            2);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(failure_of([&] { static_cast<void>(other.run({{"y", toy_input(1)}})); }).code, 7);
}

}  // namespace

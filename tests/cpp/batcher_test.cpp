#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <ferry/batcher.hpp>
#include <functional>
#include <limits>
#include <thread>
#include <utility>
#include <vector>

#include "toy_bundle.hpp"

namespace {

using ferry::Batcher;
using ferry::BatcherOptions;
using ferry::NamedTensors;
using ferry::PendingCall;
using ferry::Tensor;
using std::chrono::milliseconds;
using std::chrono::seconds;

// The toy engine does not say that it computes one sample after the other.
BatcherOptions within_bounds(std::size_t most, milliseconds wait) { return {.most = most, .wait = wait, .keep_bits = false}; }

Batcher open_batcher(const ToyBundle& toy, const BatcherOptions& options) { return {toy.open(), {.engine = "toy"}, options}; }

NamedTensors rows(std::int64_t count, float first) {
  Tensor x = toy_input(count);
  for (float& value : x.as<float>()) value += first;
  return {{"x", std::move(x)}};
}

Failure failure_of_get(PendingCall& call) {
  return failure_of([&] { static_cast<void>(call.get()); });
}

TEST(Batcher, GivesEachCallItsOwnRows) {
  const ToyBundle toy;
  const Batcher batcher = open_batcher(toy, within_bounds(8, milliseconds(50)));
  std::vector<PendingCall> calls;
  for (int i = 0; i < 5; ++i) calls.push_back(batcher.submit(rows(i, 100.0F * static_cast<float>(i))));
  for (int i = 0; i < 5; ++i) {
    const NamedTensors outputs = calls[static_cast<std::size_t>(i)].get();
    EXPECT_EQ(outputs["scaled"].shape(), (ferry::Shape{i, 3}));
    EXPECT_EQ(outputs["label"].shape(), (ferry::Shape{i}));
    for (std::size_t at = 0; at < outputs["scaled"].size(); ++at)
      EXPECT_EQ(outputs["scaled"].as<float>()[at], 2 * rows(i, 100.0F * static_cast<float>(i))["x"].as<float>()[at]);
  }
}

TEST(Batcher, JoinsWhatWaits) {
  const ToyBundle toy("count calls");
  const Batcher batcher = open_batcher(toy, within_bounds(4, seconds(20)));
  std::vector<PendingCall> calls;
  for (int i = 0; i < 4; ++i) calls.push_back(batcher.submit(rows(1, 0)));  // the fourth fills the call: nobody waits 20 seconds
  const float number = calls[0].get()["scaled"].as<float>()[0];
  for (std::size_t i = 1; i < 4; ++i) EXPECT_EQ(calls[i].get()["scaled"].as<float>()[0], number);
}

TEST(Batcher, RunsWhatFillsTheCallAndLeavesTheRest) {
  const ToyBundle toy("count calls");
  const Batcher batcher = open_batcher(toy, within_bounds(4, milliseconds(30)));
  PendingCall first = batcher.submit(rows(3, 0));
  PendingCall second = batcher.submit(rows(3, 0));  // 6 samples are more than one call may have
  EXPECT_EQ(first.get()["scaled"].as<float>()[0] + 1, second.get()["scaled"].as<float>()[0]);
  EXPECT_EQ(batcher.run(rows(9, 0))["label"].size(), 9U);  // larger than a joined call: it runs alone
}

TEST(Batcher, RefusesBadInputBeforeItJoinsOthers) {
  const ToyBundle toy;
  const Batcher batcher = open_batcher(toy, within_bounds(8, milliseconds(20)));
  PendingCall good = batcher.submit(rows(1, 0));
  NamedTensors nan = rows(1, std::numeric_limits<float>::quiet_NaN());
  EXPECT_EQ(failure_of([&] { static_cast<void>(batcher.submit(std::move(nan))); }).code, 7);
  EXPECT_EQ(failure_of([&] { static_cast<void>(batcher.submit({{"y", toy_input(1)}})); }).text,
            "inputs: got [y], expected [x]; give each input by its name once");
  EXPECT_EQ(good.get()["label"].size(), 1U);
}

TEST(Batcher, OneCallsWrongAnswerIsNotTheOthers) {
  const ToyBundle toy;
  const Batcher batcher = open_batcher(toy, within_bounds(8, milliseconds(50)));
  PendingCall good = batcher.submit(rows(1, 0));
  PendingCall huge = batcher.submit(rows(1, std::numeric_limits<float>::max()));  // doubled it is infinite: no output may be
  PendingCall other = batcher.submit(rows(2, 0));
  EXPECT_EQ(good.get()["scaled"].as<float>()[1], 2);
  EXPECT_EQ(failure_of_get(huge).code, 1);
  EXPECT_EQ(other.get()["label"].size(), 2U);
}

TEST(Batcher, AFullQueueIsToldAtOnce) {
  const ToyBundle toy;
  const Batcher batcher = open_batcher(toy, {.most = 4, .wait = seconds(20), .queue = 4, .keep_bits = false});
  PendingCall waiting = batcher.submit(rows(2, 0));
  const Failure failure = failure_of([&] { static_cast<void>(batcher.submit(rows(3, 0))); });
  EXPECT_EQ(failure.code, 5);
  EXPECT_EQ(failure.text, "batcher: got 2 samples waiting, expected at most 4 with this call's; call again later");
  EXPECT_TRUE(waiting.cancel());
}

TEST(Batcher, ACallCanBeTakenBackUntilItBegins) {
  const ToyBundle toy("count calls");
  const Batcher batcher = open_batcher(toy, within_bounds(2, seconds(20)));
  const float before = batcher.run(rows(2, 0))["scaled"].as<float>()[0];
  PendingCall call = batcher.submit(rows(1, 0));
  EXPECT_FALSE(call.wait_for(milliseconds(1)));
  EXPECT_TRUE(call.cancel());
  EXPECT_FALSE(call.cancel());
  EXPECT_EQ(failure_of_get(call).text, "call: got cancelled before it began, expected to be run");
  EXPECT_EQ(failure_of_get(call).code, 2);                                  // its answer was taken
  EXPECT_EQ(batcher.run(rows(2, 0))["scaled"].as<float>()[0], before + 1);  // the engine has not seen it
}

// Run under AddressSanitizer by the preset `sanitize`, under ThreadSanitizer by `threads`: whoever waits must not free what the
// other still holds.
TEST(Batcher, ACallCanBeTakenBackWhileAnotherThreadWaitsForIt) {
  const ToyBundle toy;
  const Batcher batcher = open_batcher(toy, within_bounds(1024, seconds(20)));
  for (int i = 0; i < 200; ++i) {
    PendingCall call = batcher.submit(rows(1, 0));
    int code = 0;
    std::thread waiting([&] { code = failure_of_get(call).code; });
    EXPECT_TRUE(call.cancel());
    waiting.join();
    EXPECT_EQ(code, 5);
    EXPECT_EQ(failure_of([&] { static_cast<void>(call.cancel()); }).code, 2);
  }
}

TEST(Batcher, ACallThatIsTooLateIsNotRun) {
  const ToyBundle toy;
  const Batcher batcher = open_batcher(toy, within_bounds(8, milliseconds(40)));
  PendingCall late = batcher.submit(rows(1, 0), std::chrono::steady_clock::now() + milliseconds(5));
  PendingCall patient = batcher.submit(rows(1, 0), std::chrono::steady_clock::now() + seconds(60));
  EXPECT_EQ(failure_of_get(late).code, 5);
  EXPECT_EQ(patient.get()["label"].size(), 1U);
}

TEST(Batcher, AnswersAllThatWaitsBeforeItEnds) {
  const ToyBundle toy;
  std::vector<PendingCall> calls;
  {
    const Batcher batcher = open_batcher(toy, within_bounds(2, seconds(20)));
    for (int i = 0; i < 7; ++i) calls.push_back(batcher.submit(rows(1, 0)));
  }
  for (PendingCall& call : calls) EXPECT_EQ(call.get()["label"].size(), 1U);
}

TEST(Batcher, RunsOnThreadsOfTheHost) {
  const ToyBundle toy;
  std::atomic<int> handed = 0;
  std::vector<std::thread> threads;
  {
    BatcherOptions options = within_bounds(2, milliseconds(1));
    options.executor = [&](std::function<void()> work) {
      ++handed;
      threads.emplace_back(std::move(work));
    };
    const Batcher batcher = open_batcher(toy, options);
    for (int i = 0; i < 3; ++i) EXPECT_EQ(batcher.run(rows(2, 0))["label"].size(), 2U);
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(handed, 3);
}

TEST(Batcher, AnExecutorThatRefusesAnswersItsCalls) {
  const ToyBundle toy;
  BatcherOptions options = within_bounds(2, milliseconds(1));
  options.executor = [](const std::function<void()>&) { throw ferry::Error(ferry::ErrorCode::unavailable, "the host is full"); };
  const Batcher batcher = open_batcher(toy, options);
  EXPECT_EQ(failure_of([&] { static_cast<void>(batcher.run(rows(1, 0))); }).text, "the host is full");
}

TEST(Batcher, AnExecutorThatThrowsTheWorkAwayAnswersItsCalls) {
  const ToyBundle toy;
  std::vector<std::function<void()>> kept;
  BatcherOptions options = within_bounds(1, milliseconds(1));
  options.executor = [&](std::function<void()> work) {
    if (kept.empty()) kept.push_back(std::move(work));
  };
  const Batcher batcher = open_batcher(toy, options);
  PendingCall later = batcher.submit(rows(1, 0));
  PendingCall lost = batcher.submit(rows(1, 0));
  ASSERT_TRUE(lost.wait_for(seconds(20)));
  const Failure failure = failure_of_get(lost);
  EXPECT_EQ(failure.code, 5);
  EXPECT_EQ(failure.text.find("batcher: got an executor that threw a joined call away"), 0U) << failure.text;
  EXPECT_FALSE(later.wait_for(milliseconds(1)));
  kept.front() = nullptr;  // the batcher ends: nothing runs any more
  EXPECT_EQ(failure_of_get(later).code, 5);
}

TEST(Batcher, AnExecutorThatThrowsAfterTheWorkCostsNoAnswer) {
  const ToyBundle toy;
  std::function<void()> late;
  {
    BatcherOptions options = within_bounds(2, milliseconds(1));
    options.executor = [&](std::function<void()> work) {
      work();
      late = std::move(work);
      throw ferry::Error(ferry::ErrorCode::unavailable, "the host is full");
    };
    const Batcher batcher = open_batcher(toy, options);
    EXPECT_EQ(batcher.run(rows(2, 0))["label"].size(), 2U);
  }
  late();  // work that has run does nothing more, also when the batcher is gone
}

TEST(Batcher, ManyThreadsGetTheirOwnAnswers) {
  const ToyBundle toy;
  const Batcher batcher = open_batcher(toy, {.most = 8, .wait = milliseconds(1), .queue = 4096, .keep_bits = false});
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (int number = 0; number < 8; ++number)
    threads.emplace_back([&, number] {
      for (int i = 0; i < 200; ++i) {
        const NamedTensors inputs = rows(1 + i % 3, static_cast<float>(1000 * number + i));
        wrong += batcher.run(inputs)["scaled"].as<float>()[0] != 2 * inputs["x"].as<float>()[0];
      }
    });
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

TEST(Batcher, RefusesWhatItCannotJoin) {
  const ToyBundle toy;
  const auto refusal = [&](const BatcherOptions& options) {
    return failure_of([&] { const Batcher batcher = open_batcher(toy, options); });
  };
  EXPECT_EQ(refusal({}).code, 2);
  EXPECT_EQ(refusal({}).text,
            "batcher: got engine toy, whose bits for a sample may change with the size of a call, expected c or c-int8; set "
            "keep_bits to false: answers are then within their bounds");
  EXPECT_EQ(refusal({.most = 0, .keep_bits = false}).code, 2);
  EXPECT_EQ(refusal({.most = 9, .queue = 8, .keep_bits = false}).code, 2);
  ToyBundle mixing;
  mixing.manifest["contract"]["samples"] = "batch";
  mixing.write_manifest();
  const Failure failure = failure_of([&] { const Batcher batcher = open_batcher(mixing, within_bounds(2, milliseconds(1))); });
  EXPECT_EQ(failure.code, 2);
  EXPECT_EQ(failure.text.find("batcher: got a contract whose answers change"), 0U);
}

TEST(Batcher, OneThatWasMovedFromSaysSo) {
  const ToyBundle toy;
  Batcher batcher = open_batcher(toy, within_bounds(2, milliseconds(1)));
  const Batcher other = std::move(batcher);
  EXPECT_EQ(failure_of([&] { static_cast<void>(batcher.run(rows(1, 0))); }).code, 2);  // NOLINT(bugprone-use-after-move)
  EXPECT_EQ(other.run(rows(1, 0))["label"].size(), 1U);
  EXPECT_FALSE(other.keeps_bits());
}

}  // namespace

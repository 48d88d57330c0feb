// Waiting for a turn: awake when it comes, asleep through a long call, and never in the way of the party that is waited for.
#include "isolation/channel.hpp"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <functional>
#include <thread>
#include <vector>

namespace {

using ferry::isolation::await_turn;
using ferry::isolation::Control;
using ferry::isolation::hand_over;
using ferry::isolation::Party;
using ferry::isolation::Rhythm;
using std::chrono::microseconds;
using std::chrono::nanoseconds;
using Clock = std::chrono::steady_clock;

bool never() { return false; }

nanoseconds processor_time() {
  timespec used{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return std::chrono::seconds(used.tv_sec) + nanoseconds(used.tv_nsec);
}

struct Calls {
  nanoseconds median{};     // of a call
  nanoseconds processor{};  // of the waiting party, in one call
};

void keep_to_first_processor() {
  cpu_set_t all;
  ASSERT_EQ(::sched_getaffinity(0, sizeof all, &all), 0);
  int first = 0;
  while (CPU_ISSET(first, &all) == 0) ++first;
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(first, &one);
  ASSERT_EQ(::pthread_setaffinity_np(::pthread_self(), sizeof one, &one), 0);
}

// Another thread answers each of `count` calls, with `work` in between; both begin with `start`.
Calls call(std::size_t count, const std::function<void()>& start, const std::function<void()>& work) {
  Control control{};
  std::thread cell([&] {
    start();
    Rhythm rhythm;
    for (std::size_t i = 0; i < count; ++i) {
      static_cast<void>(await_turn(control, Party::cell, rhythm, never));
      work();
      hand_over(control, Party::host);
    }
  });
  std::vector<nanoseconds> times;
  nanoseconds processor{};
  std::thread host([&] {
    start();
    Rhythm rhythm;
    for (std::size_t i = 0; i < count; ++i) {
      const auto begin = Clock::now();
      const auto before = processor_time();
      hand_over(control, Party::cell);
      static_cast<void>(await_turn(control, Party::host, rhythm, never));
      processor += processor_time() - before;
      times.push_back(Clock::now() - begin);
    }
  });
  host.join();
  cell.join();
  std::ranges::nth_element(times, times.begin() + static_cast<std::ptrdiff_t>(count / 2));
  return {times[count / 2], processor / static_cast<std::int64_t>(count)};
}

TEST(Channel, APartyThatWaitsLongSleeps) {
  constexpr microseconds long_call{20'000};
  const auto calls = call(20, [] {}, [long_call] { std::this_thread::sleep_for(long_call); });
  EXPECT_GE(calls.median, long_call);
  EXPECT_LT(calls.processor, long_call / 8) << "awake for 200 us and a sixteenth of a call at most";
}

TEST(Channel, APartyThatWaitsLetsTheOtherHaveTheirOnlyProcessor) {
  static_cast<void>(call(1, [] {}, [] {}));  // while the process still has every processor
  const auto calls = call(200, keep_to_first_processor, [] {});
  EXPECT_LT(calls.median, microseconds{150}) << "two parties that stay awake for 200 us each take 400";
}

TEST(Channel, APartyGivesUp) {
  Control control{};
  control.turn = static_cast<std::uint32_t>(Party::cell);
  Rhythm rhythm;
  EXPECT_FALSE(await_turn(control, Party::host, rhythm, [] { return true; }));
  EXPECT_EQ(rhythm.expected(), nanoseconds{0}) << "nothing is learnt of a wait that was given up";
}

TEST(Channel, ARhythmFollowsTheShorterWaits) {
  Rhythm rhythm;
  for (int i = 0; i < 100; ++i) rhythm.learn(microseconds{1000});
  EXPECT_GT(rhythm.expected(), microseconds{990});
  rhythm.learn(microseconds{100});
  EXPECT_EQ(rhythm.expected(), microseconds{100});
  rhythm.learn(microseconds{1000});
  EXPECT_LT(rhythm.expected(), microseconds{300});
}

}  // namespace

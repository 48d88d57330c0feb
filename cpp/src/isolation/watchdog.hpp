// The end of a model that hangs in this process: nothing but the end of the process stops it.
#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

namespace ferry::isolation {

// What is said of a step that takes longer than its limit, behind the engine's name.
[[nodiscard]] std::string late_words(double seconds);

// Ends the process with one line and exit code 5 where a step takes longer than `seconds`.
class Watchdog {
 public:
  Watchdog(std::string engine, double seconds);
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog();

  // One step, from its construction to its end; many may be under way.
  class Step {
   public:
    explicit Step(Watchdog& watchdog);
    Step(const Step&) = delete;
    Step& operator=(const Step&) = delete;
    ~Step();

   private:
    Watchdog* watchdog_;
    std::multimap<std::chrono::steady_clock::time_point, int>::iterator place_;
  };

 private:
  void watch();

  std::string engine_;
  double seconds_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<std::chrono::steady_clock::time_point, int> deadlines_;  // of the steps under way
  bool stop_ = false;
  std::thread thread_;  // last: it uses the others
};

// A step where there is a watchdog.
[[nodiscard]] inline std::unique_ptr<Watchdog::Step> watch(Watchdog* watchdog) {
  return watchdog == nullptr ? nullptr : std::make_unique<Watchdog::Step>(*watchdog);
}

}  // namespace ferry::isolation

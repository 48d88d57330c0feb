#include "isolation/watchdog.hpp"

#include <cstdio>
#include <ferry/ferry.hpp>
#include <utility>

#include "sudden_end.hpp"
#include "text.hpp"

namespace ferry::isolation {

using Clock = std::chrono::steady_clock;

std::string late_words(double seconds) {
  constexpr int digits = 6;  // as Python's :g
  return "got no answer within the " + text::short_number(seconds, digits) + " seconds of --timeout, expected one; give it more";
}

Watchdog::Watchdog(std::string engine, double seconds)
    : engine_(std::move(engine)), seconds_(seconds), thread_([this] { watch(); }) {}

Watchdog::~Watchdog() {
  {
    const std::scoped_lock lock(mutex_);
    stop_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

void Watchdog::watch() {
  std::unique_lock lock(mutex_);
  while (!stop_) {
    if (deadlines_.empty()) {
      changed_.wait(lock);
    } else if (const auto first = deadlines_.begin()->first; Clock::now() < first) {
      changed_.wait_until(lock, first);
    } else {
      const auto line = "error: engine " + text::printable(engine_) + ": " + late_words(seconds_) + "\n";
      std::fputs(line.c_str(), stderr);
      system::end_suddenly(static_cast<int>(ErrorCode::unavailable));
    }
  }
}

Watchdog::Step::Step(Watchdog& watchdog) : watchdog_(&watchdog) {
  const auto limit = std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(watchdog.seconds_));
  const std::scoped_lock lock(watchdog.mutex_);
  place_ = watchdog.deadlines_.emplace(Clock::now() + limit, 0);
  watchdog.changed_.notify_one();
}

Watchdog::Step::~Step() {
  const std::scoped_lock lock(watchdog_->mutex_);
  watchdog_->deadlines_.erase(place_);
}

}  // namespace ferry::isolation

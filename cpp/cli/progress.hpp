// How far a long command is, on stderr, only where a person watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace ferry::cli {

class Progress {
 public:
  // Silent where stderr is no terminal.
  explicit Progress(std::optional<std::int64_t> total);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress();  // wipes the line

  void advance(std::int64_t samples);

 private:
  using Clock = std::chrono::steady_clock;

  std::optional<std::int64_t> total_;
  std::int64_t done_ = 0;
  Clock::time_point start_ = Clock::now();
  Clock::time_point shown_ = start_;
  bool watched_;
};

}  // namespace ferry::cli

// One call of a Batcher, from its submission to its answer.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <ferry/batcher.hpp>
#include <mutex>

namespace ferry {

struct PendingCall::State {
  // What was asked; fixed.
  NamedTensors inputs;  // in contract order
  std::size_t rows = 0;
  Batcher::Deadline deadline;
  std::chrono::steady_clock::time_point since;

  // Whether the call may run now; it then will not be cancelled any more.
  [[nodiscard]] bool begin();
  // The answer. Called once, by whoever has begun the call.
  void answer(NamedTensors given);
  void fail(std::exception_ptr given);
  [[nodiscard]] bool has_passed(std::chrono::steady_clock::time_point now) const { return deadline && *deadline <= now; }

  [[nodiscard]] bool has_ended() const { return stage == Stage::done || stage == Stage::taken; }
  [[nodiscard]] bool is_taken() const;

  enum class Stage { waiting, running, done, taken };
  mutable std::mutex mutex;
  mutable std::condition_variable changed;
  Stage stage = Stage::waiting;
  NamedTensors outputs;
  std::exception_ptr error;
};

}  // namespace ferry

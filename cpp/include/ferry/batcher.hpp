// ferry/batcher.hpp: joins the calls of many threads to larger calls of one session. Standard library only.
//
//   const ferry::Batcher batcher(bundle, {.engine = "c", .allow_native = true}, {.most = 16});
//   auto outputs = batcher.run({{"image", image}});      // waits; samples of other threads go along
//   auto pending = batcher.submit({{"image", image}});   // does not wait
//   auto answer  = pending.get();
//
// Only for contracts whose samples are independent. Each call is held to the contract before it joins others, and where a joined
// call fails, its parts are run alone: one caller's input never costs another's answer.
#pragma once

#include <chrono>
#include <cstddef>
#include <ferry/ferry.hpp>
#include <functional>
#include <memory>
#include <optional>

namespace ferry {

struct BatcherOptions {
  std::size_t most = 16;                 // samples of one joined call, and no more than the contract's N may be
  std::chrono::microseconds wait{1000};  // how long a call waits for others while there are fewer than `most`
  std::size_t queue = 1024;              // samples that may wait; a call beyond is Error(unavailable) at once
  // Only an engine that computes one sample after the other (`c`, `c-int8`): each answer has the bits of a call of its own.
  // False: any engine, whose answers are then within the bundle's bounds.
  bool keep_bits = true;
  // Runs a joined call on a thread of the host: called once for each, from one thread. Empty: the batcher's own thread runs them.
  // A function that is thrown away unrun makes its calls Error(unavailable); one that is kept keeps the batcher's end waiting.
  std::function<void(std::function<void()>)> executor = {};
};

// A call whose answer is still to come. One that was moved from, or whose answer was taken, throws Error(usage). One thread may
// take the call back while another waits for it.
class FERRY_API PendingCall {
 public:
  PendingCall(PendingCall&&) noexcept;
  PendingCall& operator=(PendingCall&&) noexcept;
  PendingCall(const PendingCall&) = delete;
  PendingCall& operator=(const PendingCall&) = delete;
  ~PendingCall();  // the call goes on; its answer is lost

  // Waits for the answer. Throws what Session::run throws, and Error(unavailable) for a call that was cancelled or whose deadline
  // passed before it began.
  [[nodiscard]] NamedTensors get();
  // Whether the answer, or the error, is there before that much time has passed.
  [[nodiscard]] bool wait_for(std::chrono::nanoseconds time) const;
  // Takes the call back. False where it has begun.
  bool cancel();

 private:
  friend class Batcher;
  struct State;
  explicit PendingCall(std::shared_ptr<State> state);
  std::shared_ptr<State> state_;
};

class FERRY_API Batcher {
 public:
  using Deadline = std::optional<std::chrono::steady_clock::time_point>;

  // Opens a session of its own. Throws what Session throws, and Error(usage) for a contract whose samples cannot be joined, for
  // an engine that does not keep the bits that are asked for, and for options that make no sense.
  Batcher(const Bundle& bundle, const SessionOptions& session, const BatcherOptions& options = {});
  Batcher(Batcher&&) noexcept;
  Batcher& operator=(Batcher&&) noexcept;
  Batcher(const Batcher&) = delete;
  Batcher& operator=(const Batcher&) = delete;
  ~Batcher();  // every call that waits is run first

  // From many threads at once. A call that has not begun at its deadline is Error(unavailable). Throws Error(bad_input) for
  // inputs that break the contract and Error(unavailable) where the queue is full, both before anything waits.
  [[nodiscard]] PendingCall submit(NamedTensors inputs, Deadline deadline = std::nullopt) const;
  // The same, and waits for the answer.
  [[nodiscard]] NamedTensors run(NamedTensors inputs, Deadline deadline = std::nullopt) const;

  // Whether each answer has the bits of a call of its own; otherwise it is within the bundle's bounds.
  [[nodiscard]] bool keeps_bits() const noexcept;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace ferry

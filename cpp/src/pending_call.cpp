#include "pending_call.hpp"

#include <utility>

namespace ferry {

bool PendingCall::State::begin() {
  const std::scoped_lock lock(mutex);
  if (stage != Stage::waiting) return false;
  stage = Stage::running;
  return true;
}

void PendingCall::State::answer(NamedTensors given) {
  const std::scoped_lock lock(mutex);
  outputs = std::move(given);
  stage = Stage::done;
  changed.notify_all();
}

void PendingCall::State::fail(std::exception_ptr given) {
  const std::scoped_lock lock(mutex);
  error = std::move(given);
  stage = Stage::done;
  changed.notify_all();
}

PendingCall::PendingCall(std::shared_ptr<State> state) : state_(std::move(state)) {}
PendingCall::PendingCall(PendingCall&&) noexcept = default;
PendingCall& PendingCall::operator=(PendingCall&&) noexcept = default;
PendingCall::~PendingCall() = default;

namespace {

// Throws Error(usage) for a call whose answer is gone.
template <typename State>
State& open_one(const std::shared_ptr<State>& state) {
  if (state != nullptr) return *state;
  throw Error(ErrorCode::usage, "call: got one whose answer was taken or that was moved from, expected one that has it still");
}

}  // namespace

NamedTensors PendingCall::get() {
  State& call = open_one(state_);
  std::unique_lock lock(call.mutex);
  call.changed.wait(lock, [&] { return call.stage == State::Stage::done; });
  const std::shared_ptr<State> kept = std::move(state_);
  if (call.error != nullptr) std::rethrow_exception(call.error);
  return std::move(call.outputs);
}

bool PendingCall::wait_for(std::chrono::nanoseconds time) const {
  const State& call = open_one(state_);
  std::unique_lock lock(call.mutex);
  return call.changed.wait_for(lock, time, [&] { return call.stage == State::Stage::done; });
}

bool PendingCall::cancel() {
  State& call = open_one(state_);
  if (!call.begin()) return false;
  call.fail(std::make_exception_ptr(Error(ErrorCode::unavailable, "call: got cancelled before it began, expected to be run")));
  return true;
}

}  // namespace ferry

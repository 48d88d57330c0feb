#include "pending_call.hpp"

#include <utility>

namespace ferry {

bool PendingCall::State::begin() {
  const std::scoped_lock lock(mutex);
  if (stage != Stage::waiting) return false;
  stage = Stage::running;
  return true;
}

bool PendingCall::State::is_taken() const {
  const std::scoped_lock lock(mutex);
  return stage == Stage::taken;
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

[[noreturn]] void throw_taken() {
  throw Error(ErrorCode::usage, "call: got one whose answer was taken or that was moved from, expected one that has it still");
}

// Throws Error(usage) for a call that was moved from.
template <typename State>
State& open_one(const std::shared_ptr<State>& state) {
  if (state == nullptr) throw_taken();
  return *state;
}

}  // namespace

NamedTensors PendingCall::get() {
  State& call = open_one(state_);
  std::unique_lock lock(call.mutex);
  call.changed.wait(lock, [&] { return call.has_ended(); });
  if (call.stage == State::Stage::taken) throw_taken();
  call.stage = State::Stage::taken;
  if (call.error != nullptr) std::rethrow_exception(std::exchange(call.error, nullptr));
  return std::move(call.outputs);
}

bool PendingCall::wait_for(std::chrono::nanoseconds time) const {
  const State& call = open_one(state_);
  std::unique_lock lock(call.mutex);
  const bool ended = call.changed.wait_for(lock, time, [&] { return call.has_ended(); });
  if (call.stage == State::Stage::taken) throw_taken();
  return ended;
}

bool PendingCall::cancel() {
  State& call = open_one(state_);
  if (call.is_taken()) throw_taken();
  if (!call.begin()) return false;
  call.fail(std::make_exception_ptr(Error(ErrorCode::unavailable, "call: got cancelled before it began, expected to be run")));
  return true;
}

}  // namespace ferry

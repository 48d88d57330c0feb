#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <new>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "memory.hpp"
#include "pending_call.hpp"
#include "rows.hpp"
#include "runner.hpp"

namespace ferry {

namespace {

using Clock = std::chrono::steady_clock;

// Throws Error(usage).
void check_contract(const Contract& contract) {
  if (contract.samples != Samples::independent)
    throw Error(
        ErrorCode::usage,
        "batcher: got a contract whose answers change with the other samples of a call, expected independent samples; use "
        "a Session");
  for (const auto& specs : {contract.inputs, contract.outputs})
    for (const TensorSpec& spec : specs)
      if (spec.shape.empty() || spec.shape.front() != Dim("N"))
        throw Error(ErrorCode::usage, "batcher: got " + spec.name +
                                          " without a batch N in front, which is one for a whole call, expected a batch in every "
                                          "tensor; use a Session");
}

// Throws Error(usage).
BatcherOptions checked(BatcherOptions options, const Contract& contract, const Runner& runner) {
  if (options.most < 1 || options.queue < options.most || options.wait.count() < 0)
    throw Error(ErrorCode::usage, "batcher: got most " + std::to_string(options.most) + ", queue " +
                                      std::to_string(options.queue) + " and wait " + std::to_string(options.wait.count()) +
                                      " us, expected at least one sample, a queue that holds a full call, and a time");
  if (options.keep_bits && !runner.sample_by_sample())
    throw Error(ErrorCode::usage, "batcher: got engine " + runner.engine() +
                                      ", whose bits for a sample may change with the size of a call, expected c or c-int8; set "
                                      "keep_bits to false: answers are then within their bounds");
  const auto& limit = contract.symbols.find("N")->second.max;
  if (limit) options.most = std::min(options.most, static_cast<std::size_t>(std::max<std::int64_t>(*limit, 1)));
  return options;
}

NamedTensors in_order(const Contract& contract, NamedTensors inputs) {
  const auto has_name = [](const NamedTensors::Item& item, const TensorSpec& spec) { return item.first == spec.name; };
  const bool is_ordered = std::equal(inputs.begin(), inputs.end(), contract.inputs.begin(), contract.inputs.end(), has_name);
  if (is_ordered) return inputs;
  NamedTensors ordered;
  ordered.reserve(contract.inputs.size());
  for (const TensorSpec& spec : contract.inputs) ordered.add(spec.name, inputs[spec.name]);
  return ordered;
}

// Whether two calls have all sizes but the batch in common.
bool fit(const NamedTensors& one, const NamedTensors& other) {
  return std::equal(one.begin(), one.end(), other.begin(), other.end(), [](const auto& a, const auto& b) {
    const auto left = std::span(a.second.shape()).subspan(1);
    const auto right = std::span(b.second.shape()).subspan(1);
    return std::equal(left.begin(), left.end(), right.begin(), right.end());
  });
}

}  // namespace

struct Batcher::State {
  using Call = std::shared_ptr<PendingCall::State>;
  using Calls = std::vector<Call>;

  State(const Bundle& bundle, const SessionOptions& session, const BatcherOptions& given)
      : contract(bundle.contract()), runner(bundle, session), options(checked(given, contract, runner)) {}

  void enqueue(const Call& call);
  void dispatch();  // what the batcher's thread does
  [[nodiscard]] Calls take(std::unique_lock<std::mutex>& lock);
  class Job;
  void hand_over(const Calls& calls);
  void run_together(const Calls& calls) const;
  void run_alone(const Call& call) const;

  Contract contract;
  Runner runner;
  BatcherOptions options;

  std::mutex mutex;
  std::condition_variable changed;
  std::deque<Call> queue;
  std::size_t rows = 0;     // in the queue
  std::size_t running = 0;  // joined calls that the host's executor has
  bool ending = false;
  std::thread thread;
};

void Batcher::State::enqueue(const Call& call) {
  {
    const std::scoped_lock lock(mutex);
    if (rows + call->rows > options.queue && rows > 0)
      throw Error(ErrorCode::unavailable, "batcher: got " + std::to_string(rows) + " samples waiting, expected at most " +
                                              std::to_string(options.queue) + " with this call's; call again later");
    queue.push_back(call);
    rows += call->rows;
  }
  changed.notify_all();
}

void Batcher::State::dispatch() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return ending || !queue.empty(); });
    if (queue.empty()) break;
    const auto due = queue.front()->since + options.wait;
    changed.wait_until(lock, due, [&] { return ending || rows >= options.most; });
    const Calls calls = take(lock);
    lock.unlock();
    if (!calls.empty()) hand_over(calls);
    lock.lock();
  }
  changed.wait(lock, [&] { return running == 0; });
}

// The oldest call and those that fit it, up to `most` samples. Calls that were cancelled, or are too late, leave the queue.
Batcher::State::Calls Batcher::State::take(std::unique_lock<std::mutex>& /*lock*/) {
  Calls taken;
  std::size_t count = 0;
  std::deque<Call> left;
  const auto now = Clock::now();
  for (Call& call : queue) {
    const bool fits = taken.empty() || (count + call->rows <= options.most && fit(call->inputs, taken.front()->inputs));
    if (!fits) {
      left.push_back(std::move(call));
      continue;
    }
    rows -= call->rows;
    if (!call->begin()) continue;  // it was cancelled
    if (call->has_passed(now)) {
      call->fail(
          std::make_exception_ptr(Error(ErrorCode::unavailable,
                                        "batcher: got a call that waited beyond its deadline, expected to run it before; it was "
                                        "not run")));
      continue;
    }
    count += call->rows;
    taken.push_back(std::move(call));
  }
  queue = std::move(left);
  return taken;
}

// A joined call that the host's executor has: it is run, or given up, once. The state waits for it.
class Batcher::State::Job {
 public:
  Job(State& state, Calls calls) : state_(state), calls_(std::move(calls)) {
    const std::scoped_lock lock(state_.mutex);
    ++state_.running;
  }
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  // The host threw its last copy away.
  ~Job() {
    if (begun_) return;
    try {
      throw Error(ErrorCode::unavailable,
                  "batcher: got an executor that threw a joined call away, expected it to run each one; the call was not run");
    } catch (...) {  // that, or lack of memory
      give_up(std::current_exception());
    }
  }

  void run() {
    if (begun_.exchange(true)) return;
    state_.run_together(calls_);
    end();
  }

  void give_up(const std::exception_ptr& error) {
    if (begun_.exchange(true)) return;
    for (const Call& call : calls_) call->fail(error);
    end();
  }

 private:
  void end() {
    const std::scoped_lock lock(state_.mutex);
    --state_.running;
    state_.changed.notify_all();
  }

  State& state_;  // gone, perhaps, once the job has ended
  Calls calls_;
  std::atomic<bool> begun_ = false;
};

void Batcher::State::hand_over(const Calls& calls) {
  if (options.executor == nullptr) return run_together(calls);
  const auto job = std::make_shared<Job>(*this, calls);
  try {
    options.executor([job] { job->run(); });
  } catch (...) {  // the host's, whatever it is, is the answer of calls that it has not begun
    job->give_up(std::current_exception());
  }
}

void Batcher::State::run_together(const Calls& calls) const {
  if (calls.size() == 1) return run_alone(calls.front());
  NamedTensors outputs;
  try {
    std::vector<const NamedTensors*> parts;
    for (const Call& call : calls) parts.push_back(&call->inputs);
    const NamedTensors inputs = join_rows(parts);
    outputs = runner.run(views_of(inputs));
  } catch (...) {
    for (const Call& call : calls) run_alone(call);
    return;
  }
  std::size_t first = 0;
  for (const Call& call : calls) {
    try {
      call->answer(cut_rows(outputs, first, call->rows));
    } catch (...) {
      call->fail(std::current_exception());
    }
    first += call->rows;
  }
}

void Batcher::State::run_alone(const Call& call) const {
  try {
    call->answer(runner.run(views_of(call->inputs)));
  } catch (...) {
    call->fail(std::current_exception());
  }
}

Batcher::Batcher(const Bundle& bundle, const SessionOptions& session, const BatcherOptions& options) try {
  check_contract(bundle.contract());
  state_ = std::make_unique<State>(bundle, session, options);
  state_->thread = std::thread([state = state_.get()] { state->dispatch(); });
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

namespace {

template <typename State>
void end(const std::unique_ptr<State>& state) {
  if (state == nullptr || !state->thread.joinable()) return;
  {
    const std::scoped_lock lock(state->mutex);
    state->ending = true;
  }
  state->changed.notify_all();
  state->thread.join();
}

}  // namespace

Batcher::Batcher(Batcher&&) noexcept = default;
Batcher& Batcher::operator=(Batcher&& other) noexcept {
  if (this != &other) {
    end(state_);
    state_ = std::move(other.state_);
  }
  return *this;
}
Batcher::~Batcher() { end(state_); }

PendingCall Batcher::submit(NamedTensors inputs, Deadline deadline) const try {
  if (state_ == nullptr) throw Error(ErrorCode::usage, "batcher: got one that was moved from, expected an open one");
  const std::int64_t rows = state_->runner.check(views_of(inputs));
  auto call = std::make_shared<PendingCall::State>();
  call->inputs = in_order(state_->contract, std::move(inputs));
  call->rows = static_cast<std::size_t>(rows);
  call->deadline = deadline;
  call->since = Clock::now();
  state_->enqueue(call);
  return PendingCall(std::move(call));
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

NamedTensors Batcher::run(NamedTensors inputs, Deadline deadline) const { return submit(std::move(inputs), deadline).get(); }

bool Batcher::keeps_bits() const noexcept { return state_ != nullptr && state_->runner.sample_by_sample(); }

}  // namespace ferry

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <exception>
#include <ferry/shadow.hpp>
#include <functional>
#include <mutex>
#include <new>
#include <optional>
#include <string>
#include <thread>
#include <utility>

#include "contract.hpp"
#include "dtype.hpp"
#include "manifest.hpp"
#include "memory.hpp"
#include "text.hpp"
#include "tolerance_row.hpp"

namespace ferry {

namespace {

// What two right engines keep: each is within its bound of float64.
Tolerance pair_row(const Bundle& bundle, const Session& first, const Session& second, const std::string& output) {
  const Tolerance& one = any_tolerance(bundle, first, output);
  Tolerance row = any_tolerance(bundle, second, output);
  row.reference = Reference::float32;
  row.reason = "the bounds of " + first.engine() + " (" + text::short_number(one.bound) + ") and of " + second.engine() + " (" +
               text::short_number(row.bound) + ") against float64, together";
  row.bound += one.bound;
  return row;
}

// Scores, which are floats.
Tensor as_float64(const Tensor& scores) { return Tensor::from<double>(scores.shape(), float_values(scores)); }

}  // namespace

struct ShadowedSession::State {
  struct Call {
    NamedTensors inputs;
    NamedTensors outputs;
  };

  State(const Bundle& opened, const SessionOptions& session, const ShadowOptions& given)
      : bundle(opened), options(given), first(bundle, session), second(bundle, shadow_options(session, given)) {
    for (const TensorSpec& spec : bundle.contract().outputs) rows.push_back(pair_row(bundle, first, second, spec.name));
  }

  static SessionOptions shadow_options(SessionOptions session, const ShadowOptions& given) {
    session.engine = given.engine;
    session.allow_native = given.allow_native;
    return session;
  }

  void offer(const NamedTensors& inputs, const NamedTensors& outputs);
  void work();
  [[nodiscard]] ShadowVerdict judge(const Call& call) const;
  [[nodiscard]] Verdict judge_output(std::size_t index, const NamedTensors& given, const NamedTensors& repeated) const;

  Bundle bundle;
  ShadowOptions options;
  Session first;
  Session second;
  std::vector<Tolerance> rows;  // of each output

  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Call> queue;
  ShadowCounts counts;
  bool ending = false;
  std::thread thread;
};

// Keeps one of `every` calls for the shadow.
void ShadowedSession::State::offer(const NamedTensors& inputs, const NamedTensors& outputs) {
  {
    const std::scoped_lock lock(mutex);
    if (counts.calls++ % options.every != 0) return;
    if (queue.size() >= options.queue) {
      ++counts.skipped;
      return;
    }
  }
  Call call{inputs, outputs};
  {
    const std::scoped_lock lock(mutex);
    queue.push_back(std::move(call));
  }
  changed.notify_one();
}

void ShadowedSession::State::work() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return ending || !queue.empty(); });
    if (queue.empty()) return;
    const Call call = std::move(queue.front());
    queue.pop_front();
    lock.unlock();
    const ShadowVerdict verdict = judge(call);
    lock.lock();
    ++counts.repeated;
    if (!verdict.passed) ++counts.failed;
    if (options.on_verdict == nullptr) continue;
    lock.unlock();
    try {
      options.on_verdict(verdict);
    } catch (...) {  // the host's fault, which must not end this thread
      static_cast<void>(std::current_exception());
    }
    lock.lock();
  }
}

ShadowVerdict ShadowedSession::State::judge(const Call& call) const {
  ShadowVerdict verdict;
  try {
    const NamedTensors repeated = second.run(call.inputs);
    for (std::size_t i = 0; i < rows.size(); ++i) verdict.outputs.push_back(judge_output(i, call.outputs, repeated));
    verdict.passed = std::all_of(verdict.outputs.begin(), verdict.outputs.end(), std::mem_fn(&Verdict::passed));
  } catch (const std::exception& error) {
    verdict.problem = error.what();
  }
  return verdict;
}

Verdict ShadowedSession::State::judge_output(std::size_t index, const NamedTensors& given, const NamedTensors& repeated) const {
  const TensorSpec& spec = bundle.contract().outputs[index];
  const Tolerance& row = rows[index];
  std::optional<Tensor> values;
  Scores scores;
  if (row.scores) {
    const auto& outputs = bundle.contract().outputs;
    const auto axis = class_axis(*find_spec(outputs, *row.scores), spec);
    values = as_float64(given[*row.scores]);
    if (axis) scores = {&*values, *axis};
  }
  return compare(repeated.find(spec.name), given[spec.name], row, spec.allow_nonfinite, scores);
}

ShadowedSession::ShadowedSession(const Bundle& bundle, const SessionOptions& session, const ShadowOptions& shadow) try {
  if (shadow.every < 1 || shadow.queue < 1)
    throw Error(ErrorCode::usage, "shadow: got every " + std::to_string(shadow.every) + " and queue " +
                                      std::to_string(shadow.queue) + ", expected at least 1 of each");
  state_ = std::make_unique<State>(bundle, session, shadow);
  state_->thread = std::thread([state = state_.get()] { state->work(); });
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

ShadowedSession::ShadowedSession(ShadowedSession&&) noexcept = default;

ShadowedSession::~ShadowedSession() {
  if (state_ == nullptr) return;
  {
    const std::scoped_lock lock(state_->mutex);
    state_->ending = true;
  }
  state_->changed.notify_one();
  state_->thread.join();
}

NamedTensors ShadowedSession::run(const NamedTensors& inputs) const try {
  if (state_ == nullptr) throw Error(ErrorCode::usage, "session: got one that was moved from, expected an open one");
  NamedTensors outputs = state_->first.run(inputs);
  state_->offer(inputs, outputs);
  return outputs;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

ShadowCounts ShadowedSession::counts() const {
  if (state_ == nullptr) return {};
  const std::scoped_lock lock(state_->mutex);
  return state_->counts;
}

}  // namespace ferry

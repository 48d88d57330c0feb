#include <ferry/ferry.hpp>

#include <cstdint>
#include <new>

#include "inline_vector.hpp"
#include "memory.hpp"
#include "runner.hpp"

namespace ferry {

struct Session::State {
  Runner runner;
};

Session::Session(const Bundle& bundle, const SessionOptions& options) try
    : state_(std::make_unique<State>(State{Runner(bundle, options)})) {
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

namespace {

// What is left of a session that was moved from: nothing.
template <typename State>
const Runner& runner_of(const State& state) {
  if (state != nullptr) return state->runner;
  throw Error(ErrorCode::usage, "session: got one that was moved from, expected an open one");
}

const std::string& empty_text() noexcept {
  static const std::string text;
  return text;
}

}  // namespace

NamedTensors Session::run(const NamedTensors& inputs) const try {
  return runner_of(state_).run(views_of(inputs));
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

void Session::run_into(std::span<const TensorView> inputs, std::span<const TensorBuffer> outputs) const try {
  constexpr std::size_t few_tensors = 8;
  InlineVector<ferry_tensor_view, few_tensors> views(inputs.size());
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto& [name, dtype, shape, bytes] = inputs[i];
    views[i] = {
        name,        static_cast<std::int32_t>(dtype), static_cast<std::int32_t>(shape.size()), shape.data(), bytes.data(),
        bytes.size()};
  }
  InlineVector<ferry_tensor_buffer, few_tensors> buffers(outputs.size());
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const auto& [name, dtype, shape, bytes] = outputs[i];
    buffers[i] = {
        name,        static_cast<std::int32_t>(dtype), static_cast<std::int32_t>(shape.size()), shape.data(), bytes.data(),
        bytes.size()};
  }
  runner_of(state_).run_into({views.data(), views.size()}, {buffers.data(), buffers.size()});
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

std::vector<std::int64_t> Session::run_direct(const NamedTensors& inputs, std::size_t calls) const try {
  return runner_of(state_).run_direct(views_of(inputs), calls);
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

std::vector<LayerTime> Session::profile(const NamedTensors& inputs, std::size_t calls) const try {
  return runner_of(state_).profile(views_of(inputs), calls);
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

std::size_t Session::concurrency() const noexcept { return state_ == nullptr ? 0 : state_->runner.concurrency(); }

const std::string& Session::engine() const noexcept { return state_ == nullptr ? empty_text() : state_->runner.engine(); }
const std::string& Session::device() const noexcept { return state_ == nullptr ? empty_text() : state_->runner.device(); }
const std::string& Session::runtime() const noexcept { return state_ == nullptr ? empty_text() : state_->runner.runtime(); }
const std::string& Session::numerics() const noexcept { return state_ == nullptr ? empty_text() : state_->runner.numerics(); }

}  // namespace ferry

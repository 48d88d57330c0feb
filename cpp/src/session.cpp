#include <ferry/ferry.hpp>

#include "runner.hpp"

namespace ferry {

struct Session::State {
  Runner runner;
};

Session::Session(const Bundle& bundle, const SessionOptions& options)
    : state_(std::make_unique<State>(State{Runner(bundle, options)})) {}
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;
Session::~Session() = default;

NamedTensors Session::run(const NamedTensors& inputs) const { return state_->runner.run(views_of(inputs)); }

std::vector<std::int64_t> Session::run_direct(const NamedTensors& inputs, std::size_t calls) const {
  return state_->runner.run_direct(views_of(inputs), calls);
}

const std::string& Session::engine() const noexcept { return state_->runner.engine(); }
const std::string& Session::device() const noexcept { return state_->runner.device(); }
const std::string& Session::runtime() const noexcept { return state_->runner.runtime(); }
const std::string& Session::numerics() const noexcept { return state_->runner.numerics(); }

}  // namespace ferry

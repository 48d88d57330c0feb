#include <cstdint>
#include <ferry/stream.hpp>
#include <new>

#include "carried_calls.hpp"
#include "memory.hpp"

namespace ferry {

struct Stream::State {
  const Session* session;
  CarriedCalls calls;
};

namespace {

template <typename State>
State& open_one(const std::unique_ptr<State>& state) {
  if (state != nullptr) return *state;
  throw Error(ErrorCode::usage, "stream: got one that was moved from, expected an open one");
}

}  // namespace

Stream::Stream(const Bundle& bundle, const Session& session) : Stream(bundle, session, bundle.contract().state) {}

Stream::Stream(const Bundle& bundle, const Session& session, const std::map<std::string, std::string>& state,
               std::int64_t samples) try
    : state_(std::make_unique<State>(State{&session, CarriedCalls(bundle.contract(), state, samples)})) {
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

NamedTensors Stream::run(const NamedTensors& inputs) try {
  State& stream = open_one(state_);
  return stream.calls.next(inputs, [&](const NamedTensors& all) { return stream.session->run(all); });
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

void Stream::reset() { open_one(state_).calls.reset(); }

NamedTensors Stream::state() const { return open_one(state_).calls.state(); }

}  // namespace ferry

#include <cstdint>
#include <ferry/stream.hpp>
#include <new>
#include <utility>
#include <vector>

#include "carried_state.hpp"
#include "memory.hpp"

namespace ferry {

struct Stream::State {
  const Session* session;
  std::int64_t samples;
  CarriedState carried;
};

namespace {

void require_batch(const Contract& contract, std::int64_t samples) {
  const auto batch = contract.symbols.find("N");
  const bool fits = batch == contract.symbols.end()
                        ? samples == 1
                        : samples >= 1 && samples >= batch->second.min && samples <= batch->second.max.value_or(samples);
  if (!fits)
    throw Error(ErrorCode::usage,
                "stream: got " + std::to_string(samples) + " samples side by side, expected a batch that the contract allows");
}

template <typename State>
State& open_one(const std::unique_ptr<State>& state) {
  if (state != nullptr) return *state;
  throw Error(ErrorCode::usage, "stream: got one that was moved from, expected an open one");
}

}  // namespace

Stream::Stream(const Bundle& bundle, const Session& session) : Stream(bundle, session, bundle.contract().state) {}

Stream::Stream(const Bundle& bundle, const Session& session, const std::map<std::string, std::string>& state,
               std::int64_t samples) try {
  require_batch(bundle.contract(), samples);
  if (state.empty())
    throw Error(ErrorCode::usage,
                "stream: got no state here or in the contract, expected at least one input and its output; export with --state "
                "INPUT=OUTPUT");
  state_ = std::make_unique<State>(State{&session, samples, CarriedState(bundle.contract(), pairs_of(state), samples)});
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

Stream::Stream(Stream&&) noexcept = default;
Stream& Stream::operator=(Stream&&) noexcept = default;
Stream::~Stream() = default;

NamedTensors Stream::run(const NamedTensors& inputs) try {
  State& stream = open_one(state_);
  std::map<std::string, Tensor> all(inputs.begin(), inputs.end());
  if (all.size() != inputs.size())
    throw Error(ErrorCode::bad_input, "inputs: got a name twice, expected each input by its name once");
  for (const auto& [name, tensor] : all)
    if (stream.carried.carries(name))
      throw Error(ErrorCode::bad_input, "input " + name + ": got a tensor, expected none: the stream carries it");
  stream.carried.complete(all, stream.samples);
  NamedTensors completed;
  for (auto& [name, tensor] : all) completed.add(name, std::move(tensor));
  NamedTensors outputs = stream.session->run(completed);
  stream.carried.keep(outputs);
  return outputs;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

void Stream::reset() { open_one(state_).carried.reset(); }

NamedTensors Stream::state() const { return open_one(state_).carried.values(); }

}  // namespace ferry

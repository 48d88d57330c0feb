#include "carried_calls.hpp"

#include <cstdint>
#include <utility>

namespace ferry {

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

CarriedState state_of(const Contract& contract, const std::map<std::string, std::string>& state, std::int64_t samples) {
  require_batch(contract, samples);
  if (state.empty())
    throw Error(ErrorCode::usage,
                "stream: got no state here or in the contract, expected at least one input and its output; export with --state "
                "INPUT=OUTPUT");
  return {contract, pairs_of(state), samples};
}

}  // namespace

CarriedCalls::CarriedCalls(const Contract& contract, const std::map<std::string, std::string>& state, std::int64_t samples)
    : samples_(samples), carried_(state_of(contract, state, samples)) {}

NamedTensors CarriedCalls::next(const NamedTensors& inputs, const Run& run) {
  std::map<std::string, Tensor> all(inputs.begin(), inputs.end());
  if (all.size() != inputs.size())
    throw Error(ErrorCode::bad_input, "inputs: got a name twice, expected each input by its name once");
  for (const auto& [name, tensor] : all)
    if (carried_.carries(name))
      throw Error(ErrorCode::bad_input, "input " + name + ": got a tensor, expected none: the stream carries it");
  carried_.complete(all, samples_);
  NamedTensors completed;
  for (auto& [name, tensor] : all) completed.add(name, std::move(tensor));
  NamedTensors outputs = run(completed);
  carried_.keep(outputs);
  return outputs;
}

}  // namespace ferry

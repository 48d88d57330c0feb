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

// Holds the caller's inputs to the batch of the stream: in the checks of the call the state, whose batch is right, may come
// first.
void require_samples(const Contract& lines, const NamedTensors& inputs, std::int64_t samples) {
  for (const TensorSpec& spec : lines.inputs) {
    const Tensor* tensor = inputs.find(spec.name);
    if (tensor == nullptr || tensor->shape().size() != spec.shape.size()) continue;
    for (std::size_t axis = 0; axis < spec.shape.size(); ++axis) {
      const std::int64_t got = tensor->shape()[axis];
      if (spec.shape[axis] == Dim("N") && got != samples)
        throw Error(ErrorCode::bad_input, "input " + spec.name + ": shape " + to_string(tensor->shape()) + ": dim " +
                                              std::to_string(axis) + ": got " + std::to_string(got) +
                                              ", expected N = " + std::to_string(samples) + ", for which the stream was opened");
    }
  }
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
  require_samples(carried_.lines(), inputs, samples_);
  carried_.complete(all, samples_);
  NamedTensors completed;
  for (auto& [name, tensor] : all) completed.add(name, std::move(tensor));
  NamedTensors outputs = run(completed);
  carried_.keep(outputs);
  return outputs;
}

}  // namespace ferry

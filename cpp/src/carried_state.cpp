#include "carried_state.hpp"

#include <algorithm>
#include <cstdint>
#include <utility>
#include <variant>

#include "contract.hpp"
#include "text.hpp"

namespace ferry {

namespace {

const TensorSpec* find(const std::vector<TensorSpec>& specs, const std::string& name) {
  const auto found = find_spec(specs, name);
  return found == specs.end() ? nullptr : &*found;
}

Tensor zeros(const TensorSpec& spec, std::int64_t samples) {
  Shape shape;
  for (const auto& dim : spec.shape) {
    const auto* number = std::get_if<std::int64_t>(&dim);
    shape.push_back(number == nullptr ? samples : *number);
  }
  const std::vector<std::byte> bytes(element_count(shape) * size_of(spec.dtype));
  return Tensor::copy(spec.dtype, std::move(shape), bytes);
}

}  // namespace

StateProblem state_problem(const Contract& contract, const std::string& input, const std::string& output) {
  const auto* given = find(contract.inputs, input);
  const auto* taken = find(contract.outputs, output);
  if (given == nullptr) return {input, "the name of an input"};
  if (taken == nullptr) return {output, "the name of an output"};
  const auto is_fixed = [](const Dim& dim) { return std::holds_alternative<std::int64_t>(dim) || dim == Dim("N"); };
  const bool fixed = std::all_of(given->shape.begin(), given->shape.end(), is_fixed);
  if (fixed && given->dtype == taken->dtype && given->shape == taken->shape) return {};
  return {input + " " + describe(*given) + " and " + output + " " + describe(*taken), "one dtype and shape of N and numbers"};
}

std::vector<std::string> pairs_of(const std::map<std::string, std::string>& state) {
  std::vector<std::string> pairs;
  pairs.reserve(state.size());
  for (const auto& [input, output] : state) pairs.push_back(input + "=" + output);
  return pairs;
}

Contract without_state(Contract contract) {
  std::erase_if(contract.inputs, [&contract](const TensorSpec& spec) { return contract.state.contains(spec.name); });
  contract.state.clear();
  return contract;
}

CarriedState::CarriedState(const Contract& contract, const std::vector<std::string>& pairs, std::int64_t samples)
    : lines_(contract) {
  for (const auto& pair : pairs) {
    const auto equals = std::min(pair.find('='), pair.size());
    const auto* input = find(contract.inputs, pair.substr(0, equals));
    const auto* output = find(contract.outputs, pair.substr(std::min(equals + 1, pair.size())));
    if (input == nullptr || output == nullptr)
      throw Error(ErrorCode::usage, "--carry: got " + text::quoted(pair) + ", expected INPUT=OUTPUT with names of the contract");
    if (const StateProblem problem = state_problem(contract, input->name, output->name); !problem.got.empty())
      throw Error(ErrorCode::usage, "--carry: got " + problem.got + ", expected " + problem.expected);
    parts_.push_back({*input, output->name, zeros(*input, samples), samples});
    std::erase_if(lines_.inputs, [input](const TensorSpec& spec) { return spec.name == input->name; });
  }
  if (lines_.inputs.size() + parts_.size() != contract.inputs.size() || lines_.inputs.empty())
    throw Error(ErrorCode::usage, "--carry: got an input twice, or no input is left for the lines; take one out");
}

void CarriedState::complete(std::map<std::string, Tensor>& inputs, std::int64_t samples) const {
  for (const auto& part : parts_) inputs.insert_or_assign(part.input.name, samples == 0 ? zeros(part.input, 0) : part.value);
}

NamedTensors CarriedState::values() const {
  NamedTensors found;
  for (const auto& part : parts_) found.add(part.input.name, part.value);
  return found;
}

bool CarriedState::carries(std::string_view input) const noexcept {
  return std::any_of(parts_.begin(), parts_.end(), [input](const Part& part) { return part.input.name == input; });
}

void CarriedState::reset() {
  for (auto& part : parts_) part.value = zeros(part.input, part.samples);
}

void CarriedState::keep(const NamedTensors& outputs) {
  for (auto& part : parts_) part.value = outputs[part.output];
}

}  // namespace ferry

#include "regroup.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <span>

#include "text.hpp"

namespace ferry {

namespace {

constexpr int evidence_digits = 9;  // a float32 is told from its neighbours

bool has_batch(const TensorSpec& spec) noexcept { return !spec.shape.empty() && spec.shape.front() == Dim("N"); }

std::int64_t count_of(const Contract& contract, const NamedTensors& inputs) {
  const auto spec = std::find_if(contract.inputs.begin(), contract.inputs.end(), has_batch);
  return spec == contract.inputs.end() ? 0 : inputs[spec->name].shape().front();
}

// A golden that has not all these rows is refused as it is.
Tensor rows_of(const Tensor& tensor, const std::vector<std::int64_t>& rows) {
  Shape shape = tensor.shape();
  if (shape.empty() || shape.front() <= *std::max_element(rows.begin(), rows.end())) return tensor;
  const std::size_t size = tensor.bytes().size() / static_cast<std::size_t>(shape.front());
  shape.front() = static_cast<std::int64_t>(rows.size());
  Tensor taken(tensor.dtype(), shape);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto row = tensor.bytes().subspan(static_cast<std::size_t>(rows[i]) * size, size);
    std::copy(row.begin(), row.end(), taken.bytes().subspan(i * size, size).begin());
  }
  return taken;
}

}  // namespace

NamedTensors rows_of(const std::vector<TensorSpec>& specs, const NamedTensors& tensors, const std::vector<std::int64_t>& rows) {
  NamedTensors taken;
  taken.reserve(specs.size());
  for (const TensorSpec& spec : specs)
    taken.add(spec.name, has_batch(spec) ? rows_of(tensors[spec.name], rows) : tensors[spec.name]);
  return taken;
}

std::vector<Regrouped> regroup(const Contract& contract, const NamedTensors& inputs) {
  const std::int64_t count = count_of(contract, inputs);
  if (contract.samples == Samples::batch || count < 2) return {};
  std::vector<std::int64_t> rows(static_cast<std::size_t>(count));
  std::iota(rows.rbegin(), rows.rend(), 0);
  const bool cut = count / 2 >= contract.symbols.find("N")->second.min;
  const auto middle = cut ? rows.end() - count / 2 : rows.end();
  std::vector<Regrouped> parts;
  for (const auto& group : {std::vector(rows.begin(), middle), std::vector(middle, rows.end())})
    if (!group.empty()) parts.push_back({group, rows_of(contract.inputs, inputs, group), {}});
  return parts;
}

std::string mixing_problem(const Regrouped& part, const Verdict& verdict) {
  std::string found = verdict.problem;
  if (verdict.worst)
    found = "at " + to_string(verdict.worst->index) + " of them got " +
            text::short_number(verdict.worst->actual, evidence_digits) + ", expected " +
            text::short_number(verdict.worst->expected, evidence_digits);
  return "samples: the answers change with the samples beside them (samples " + std::to_string(part.rows.front()) + " to " +
         std::to_string(part.rows.back()) + " alone: " + found + "), and the contract says independent; export the bundle again";
}

}  // namespace ferry

// Whether an engine keeps `samples: independent`: a golden batch is cut in two and reversed, and each answer must stay what it
// was (FORMAT.md section 9). The Python twin is python/torchferry/proof/regroup.py.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <string>
#include <vector>

namespace ferry {

// Some samples of a golden case, in an order of their own.
struct Regrouped {
  std::vector<std::int64_t> rows;
  NamedTensors inputs;
  NamedTensors outputs;  // what the engine gave
};

// The samples of inputs [N, ...] in reverse order and, where the contract allows such batches, in two parts. None where the
// contract promises nothing of samples, or where there is one sample only.
[[nodiscard]] std::vector<Regrouped> regroup(const Contract& contract, const NamedTensors& inputs);

// Those rows of the tensors that have a batch; the others whole.
[[nodiscard]] NamedTensors rows_of(const std::vector<TensorSpec>& specs, const NamedTensors& tensors,
                                   const std::vector<std::int64_t>& rows);

// What a verdict says of an engine that answered the whole batch rightly and this part of it, as `verdict` says, wrongly.
[[nodiscard]] std::string mixing_problem(const Regrouped& part, const Verdict& verdict);

}  // namespace ferry

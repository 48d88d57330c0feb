// The tensors of golden cases, held to the contract (FORMAT.md section 5).
#pragma once

#include <ferry/ferry.hpp>
#include <functional>
#include <string>

namespace ferry {

struct GoldenTensors {
  NamedTensors inputs;  // of a step: without the state
  NamedTensors float32;
  NamedTensors float64;
};

// Throws Error(format) for inputs that break the contract.
[[nodiscard]] NamedTensors read_golden_inputs(const Bundle& bundle, const GoldenCase& golden);

// Throws Error(format) for a case that breaks the contract, or whose files differ in a size.
[[nodiscard]] GoldenTensors read_golden(const Bundle& bundle, const GoldenCase& golden);

// What `run` gives for a golden case. Throws what it throws, and Error(mismatch) for an engine that refuses the case.
[[nodiscard]] NamedTensors golden_answer(const Bundle& bundle, const std::string& name, const std::function<NamedTensors()>& run);

}  // namespace ferry

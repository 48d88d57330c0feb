#include "golden_tensors.hpp"

#include <cstddef>

#include "carried_state.hpp"
#include "case_origin.hpp"
#include "contract.hpp"
#include "dtype.hpp"
#include "runner.hpp"
#include "text.hpp"

namespace ferry {

namespace {

// The contract of what a case holds.
Contract contract_of(const Bundle& bundle, const GoldenCase& golden) {
  return is_step(golden) ? without_state(bundle.contract()) : bundle.contract();
}

// Floats as float64 holds them.
Contract widened(Contract contract) {
  for (TensorSpec& spec : contract.outputs)
    if (is_float(spec.dtype)) spec.dtype = DType::float64;
  return contract;
}

Error of_case(ErrorCode code, const Bundle& bundle, const std::string& name, const Error& error) {
  return {code, text::shown(bundle.folder()) + ": golden case " + name + ": " + error.what()};
}

// The manifest's rules have held the names to the contract.
SymbolValues check_inputs(const ContractChecker& checker, const NamedTensors& inputs) {
  NamedTensors ordered;
  for (const CompiledSpec& compiled : checker.inputs()) ordered.add(compiled.spec->name, inputs[compiled.spec->name]);
  return checker.check_inputs(views_of(ordered));
}

void check_outputs(const Contract& contract, const NamedTensors& outputs, SymbolValues symbols) {
  const ContractChecker checker(contract);
  for (std::size_t i = 0; i < contract.outputs.size(); ++i) {
    const Tensor& tensor = outputs[contract.outputs[i].name];
    checker.check_golden(i, tensor.dtype(), tensor.shape(), symbols);
  }
}

}  // namespace

NamedTensors read_golden_inputs(const Bundle& bundle, const GoldenCase& golden) {
  NamedTensors inputs = bundle.read_tensors(golden.inputs);
  const Contract contract = contract_of(bundle, golden);
  try {
    static_cast<void>(check_inputs(ContractChecker(contract), inputs));
  } catch (const Error& error) {
    throw of_case(ErrorCode::format, bundle, golden.name, error);
  }
  return inputs;
}

GoldenTensors read_golden(const Bundle& bundle, const GoldenCase& golden) {
  GoldenTensors found{bundle.read_tensors(golden.inputs), bundle.read_tensors(golden.float32),
                      bundle.read_tensors(golden.float64)};
  const Contract contract = contract_of(bundle, golden);
  try {
    const SymbolValues symbols = check_inputs(ContractChecker(contract), found.inputs);
    check_outputs(contract, found.float32, symbols);
    check_outputs(widened(contract), found.float64, symbols);
  } catch (const Error& error) {
    throw of_case(ErrorCode::format, bundle, golden.name, error);
  }
  return found;
}

NamedTensors golden_answer(const Bundle& bundle, const std::string& name, const std::function<NamedTensors()>& run) {
  try {
    return run();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::bad_input) throw;
    throw of_case(ErrorCode::mismatch, bundle, name, error);
  }
}

}  // namespace ferry

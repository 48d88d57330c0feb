// Calls whose outputs are inputs of the next call: what Stream and the C ABI's streams are made of.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <functional>
#include <map>
#include <string>

#include "carried_state.hpp"

namespace ferry {

class CarriedCalls {
 public:
  using Run = std::function<NamedTensors(const NamedTensors&)>;

  // As Stream. Throws Error(usage).
  CarriedCalls(const Contract& contract, const std::map<std::string, std::string>& state, std::int64_t samples);

  // `run` gets the inputs with the state. Throws Error(bad_input), and what `run` throws; the state then stays as it was.
  [[nodiscard]] NamedTensors next(const NamedTensors& inputs, const Run& run);
  void reset() { carried_.reset(); }
  [[nodiscard]] NamedTensors state() const { return carried_.values(); }

 private:
  std::int64_t samples_;
  CarriedState carried_;
};

}  // namespace ferry

// The state of a model that is fed line by line: an output that is an input of the next call.
// The Python twin is python/torchferry/samples/state.py.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "ferry/ferry.hpp"

namespace ferry::cli {

class CarriedState {
 public:
  // `pairs` are INPUT=OUTPUT. Throws Error(usage) for one that cannot be carried.
  CarriedState(const Contract& contract, const std::vector<std::string>& pairs);

  // The contract of what the lines hold.
  [[nodiscard]] const Contract& lines() const noexcept { return lines_; }
  // Adds the state, zeros in the first call, to the inputs of `samples` samples, 0 or 1.
  void complete(std::map<std::string, Tensor>& inputs, std::int64_t samples) const;
  // Keeps what the next call gets.
  void keep(const NamedTensors& outputs);

 private:
  struct Part {
    TensorSpec input;
    std::string output;
    Tensor value;
  };

  Contract lines_;
  std::vector<Part> parts_;
};

}  // namespace ferry::cli

// The state of a model that is called again and again: an output that is an input of the next call.
// The Python twin is python/torchferry/bundle/state.py.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

// Why an output cannot be an input of the next call; `got` is empty where it can.
struct StateProblem {
  std::string got;
  std::string expected;
};
[[nodiscard]] StateProblem state_problem(const Contract& contract, const std::string& input, const std::string& output);

// As INPUT=OUTPUT.
[[nodiscard]] std::vector<std::string> pairs_of(const std::map<std::string, std::string>& state);

// The contract of what a call of a stream is given: without the inputs of the state.
[[nodiscard]] Contract without_state(Contract contract);

class CarriedState {
 public:
  // `pairs` are INPUT=OUTPUT, of `samples` streams side by side. Throws Error(usage) for one that cannot be carried.
  CarriedState(const Contract& contract, const std::vector<std::string>& pairs, std::int64_t samples = 1);

  // The contract of what a call is given beside it.
  [[nodiscard]] const Contract& lines() const noexcept { return lines_; }
  // Adds the state, zeros in the first call, to the inputs of a call of as many samples, or of none.
  void complete(std::map<std::string, Tensor>& inputs, std::int64_t samples) const;
  // Whether an input is part of the state.
  [[nodiscard]] bool carries(std::string_view input) const noexcept;
  // Zeros again.
  void reset();
  // What the next call gets, by input.
  [[nodiscard]] NamedTensors values() const;
  // Keeps what the next call gets.
  void keep(const NamedTensors& outputs);

 private:
  struct Part {
    TensorSpec input;
    std::string output;
    Tensor value;
    std::int64_t samples;
  };

  Contract lines_;
  std::vector<Part> parts_;
};

}  // namespace ferry

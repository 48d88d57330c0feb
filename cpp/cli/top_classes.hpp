// `--top K`: the classes with the highest scores of a sample. The Python twin is python/torchferry/samples/top.py.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "ferry/ferry.hpp"

namespace ferry::cli {

class TopClasses {
 public:
  struct Entry {
    std::string name;
    std::string score;  // as in JSON
  };

  // Finds the output that has the scores [N,K] of the K classes. Throws Error(usage) where the contract has no classes or no
  // scores of them, or fewer classes than `count`.
  TopClasses(const Contract& contract, std::int64_t count);

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  // The best of one sample, the highest first; of equal ones the first class.
  [[nodiscard]] std::vector<Entry> of(const NamedTensors& outputs, std::size_t sample) const;

 private:
  std::size_t count_;
  std::vector<std::string> names_;
  std::string scores_;
};

}  // namespace ferry::cli

// Outputs as text, one line a sample: JSON lines and CSV. `names` are the outputs to write, in order; the contract must outlive
// the writer.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "output.hpp"
#include "output_file.hpp"
#include "top_classes.hpp"

namespace ferry::cli {

// What stands beside the outputs of a sample: the column of its identity in front, or empty; the best classes behind.
struct Beside {
  std::string id;
  std::optional<TopClasses> top;
};

// {"logits": [..], "label": 3, "class": "three"}
[[nodiscard]] std::unique_ptr<SampleWriter> open_json_lines(OutputFile file, const Contract& contract,
                                                            std::vector<std::string> names, Beside beside = {});

// A header, then a row a sample.
[[nodiscard]] std::unique_ptr<SampleWriter> open_csv_rows(OutputFile file, const Contract& contract,
                                                          std::vector<std::string> names, Beside beside = {});

}  // namespace ferry::cli

// Outputs as text, one line a sample: JSON lines and CSV. `names` are the outputs to write, in order; the contract must outlive
// the writer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "output.hpp"
#include "output_file.hpp"

namespace ferry::cli {

// {"logits": [..], "label": 3, "class": "three"}
[[nodiscard]] std::unique_ptr<SampleWriter> open_json_lines(OutputFile file, const Contract& contract,
                                                            std::vector<std::string> names);

// A header, then a row a sample.
[[nodiscard]] std::unique_ptr<SampleWriter> open_csv_rows(OutputFile file, const Contract& contract,
                                                          std::vector<std::string> names);

}  // namespace ferry::cli

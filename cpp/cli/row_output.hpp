// Outputs as text, one line a sample: JSON lines and CSV. `names` are the outputs to write, in order; `id` is the name of the
// identities in front of them, or empty; the contract must outlive the writer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "output.hpp"
#include "output_file.hpp"

namespace ferry::cli {

// {"logits": [..], "label": 3, "class": "three"}
[[nodiscard]] std::unique_ptr<SampleWriter> open_json_lines(OutputFile file, const Contract& contract,
                                                            std::vector<std::string> names, std::string id = {});

// A header, then a row a sample.
[[nodiscard]] std::unique_ptr<SampleWriter> open_csv_rows(OutputFile file, const Contract& contract,
                                                          std::vector<std::string> names, std::string id = {});

}  // namespace ferry::cli

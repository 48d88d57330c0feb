// `--output FOLDER/`: one answer file for each input file, named after it. The Python twin is
// python/torchferry/samples/folder_sink.py.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "output.hpp"

namespace ferry::cli {

// The name of each file's answer: `in/cat.jpg` is answered by `cat.jsonl`. Throws Error(usage) for a name twice.
[[nodiscard]] std::vector<std::string> answer_names(const std::vector<std::string>& files, OutputFormat format);

// Writes sample i into file i, or every sample into the only file. Throws Error(io) where something stands in the folder's place.
[[nodiscard]] std::unique_ptr<SampleWriter> open_folder(const OutputRequest& request, const Contract& contract);

}  // namespace ferry::cli

// Outputs as one .npz file: a zip archive of stored .npy files, the same bytes as `ferry predict` writes.
// The Python twins are python/torchferry/samples/array_sink.py and zip_file.py.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "output.hpp"
#include "output_file.hpp"

namespace ferry::cli {

// `names` are the outputs to write, in order. `batched`: they have the batch N first; else they come once and whole. Each grows
// in a file without a name, because the entries of the archive follow each other.
[[nodiscard]] std::unique_ptr<SampleWriter> open_npz_file(OutputFile file, const std::vector<std::string>& names, bool batched);

}  // namespace ferry::cli

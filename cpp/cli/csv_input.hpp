// Samples from CSV text, one row a sample, of one input or of several. The Python twin is python/torchferry/samples/csv.py.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "byte_stream.hpp"
#include "input.hpp"
#include "limits.hpp"
#include "verbs.hpp"

namespace ferry::cli {

// Throws Error(bad_input) where a spec's shape is not N and then numbers, or where the first lines, of which at most `judged`
// are read ahead, are no table of these inputs.
[[nodiscard]] std::unique_ptr<SampleReader> open_csv(std::span<const TensorSpec> specs, ByteStream stream,
                                                     const TableOptions& options,
                                                     std::size_t judged = limits::max_csv_sniffed_lines);

}  // namespace ferry::cli

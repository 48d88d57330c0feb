// Samples from raw binary: little-endian values of the contract's dtype and shape (FORMAT.md section 10).
// The Python twin is python/torchferry/samples/raw.py.
#pragma once

#include <memory>

#include "byte_stream.hpp"
#include "input.hpp"

namespace ferry::cli {

// Throws Error(bad_input) where a sample has no fixed size, and where the file says that it ends inside one.
[[nodiscard]] std::unique_ptr<SampleReader> open_raw(const TensorSpec& spec, ByteStream stream);

}  // namespace ferry::cli

// Samples from CSV text, one row a sample.
#pragma once

#include <memory>

#include "byte_stream.hpp"
#include "input.hpp"

namespace ferry::cli {

// Throws Error(bad_input) where the spec's shape is not N and then numbers.
[[nodiscard]] std::unique_ptr<SampleReader> open_csv(const TensorSpec& spec, ByteStream stream);

}  // namespace ferry::cli

// Samples from a .npy file or stream, in pieces.
#pragma once

#include <memory>

#include "byte_stream.hpp"
#include "input.hpp"

namespace ferry::cli {

// Checks dtype and shape against the spec at once. Throws Error(bad_input | io).
[[nodiscard]] std::unique_ptr<SampleReader> open_npy(const TensorSpec& spec, ByteStream stream);

}  // namespace ferry::cli

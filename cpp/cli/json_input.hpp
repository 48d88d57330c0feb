// Samples from JSON lines: one object a sample, or a bare value of the only input (FORMAT.md section 10).
// The Python twin is python/torchferry/samples/json_lines.py.
#pragma once

#include <cstddef>
#include <memory>
#include <span>

#include "byte_stream.hpp"
#include "input.hpp"

namespace ferry::cli {

// Is a text that starts so JSON lines? No table begins with a bracket.
[[nodiscard]] bool starts_json(std::span<const std::byte> head) noexcept;

// Throws Error(bad_input) for a contract whose samples have no fixed shape.
[[nodiscard]] std::unique_ptr<SampleReader> open_json_lines_input(std::span<const TensorSpec> specs, ByteStream stream);

}  // namespace ferry::cli

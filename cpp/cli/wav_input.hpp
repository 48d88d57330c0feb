// Samples from WAV files, one file a sample.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "byte_stream.hpp"
#include "input.hpp"

namespace ferry::cli {

// `first` is the already opened first path. Throws Error(bad_input | io) where the contract takes no sound.
[[nodiscard]] std::unique_ptr<SampleReader> open_wavs(const TensorSpec& spec, const std::vector<std::string>& paths,
                                                      ByteStream first);

}  // namespace ferry::cli

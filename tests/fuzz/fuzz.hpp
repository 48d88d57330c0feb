// What every fuzzer shares: an input as text and as bytes, and which exception is a refusal.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace ferry::fuzz {

[[nodiscard]] inline std::string_view text_of(std::span<const std::uint8_t> input) {
  return {reinterpret_cast<const char*>(input.data()), input.size()};
}

[[nodiscard]] inline std::vector<std::byte> copy_of(std::span<const std::uint8_t> input) {
  const auto bytes = std::as_bytes(input);
  return {bytes.begin(), bytes.end()};
}

// Runs the parser. A refusal is an answer; any other exception ends the fuzzer, as a crash does.
template <typename RefusalType, typename Body>
int refuses(Body body) {
  try {
    body();
  } catch (const RefusalType&) {
    return 0;
  }
  return 0;
}

}  // namespace ferry::fuzz

// The interface of libFuzzer: every file of this folder defines it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

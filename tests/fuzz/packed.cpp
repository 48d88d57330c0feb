// The one-file form in memory: its archive, its list of files, its manifest and their digests.
#include <cstdint>

#include <ferry/ferry.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ferry::fuzz::refuses<ferry::Error>(
      [&] { static_cast<void>(ferry::Bundle::from_memory(std::as_bytes(std::span(data, size)), "NAME.ferry", {})); });
}

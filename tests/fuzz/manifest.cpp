// manifest.json: any bytes are a manifest or Error.
#include "manifest.hpp"

#include <cstdint>

#include <ferry/ferry.hpp>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ferry::fuzz::text_of({data, size});
  return ferry::fuzz::refuses<ferry::Error>([&] {
    const auto manifest = ferry::parse_manifest(text, "manifest.json");
    ferry::check_manifest(manifest, "manifest.json");
  });
}

// The code of a TorchScript archive.
#include "torchscript_source.hpp"

#include <cstdint>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ferry::fuzz::text_of({data, size});
  return ferry::fuzz::refuses<ferry::torchscript::SourceError>([&] {
    ferry::torchscript::Source source("code/__torch__/net.py", text);
    ferry::torchscript::Names names;
    source.declare(names);
    static_cast<void>(source.uses(names));
  });
}

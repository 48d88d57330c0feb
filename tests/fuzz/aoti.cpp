// The door of AOTInductor: a package of torch.export's form.
#include <cstdint>

#include "aoti_package.hpp"

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  return ferry::fuzz::refuses<ferry::aoti::PackageError>(
      [&] { static_cast<void>(ferry::aoti::open_package("model.pt2", std::as_bytes(std::span(data, size)))); });
}

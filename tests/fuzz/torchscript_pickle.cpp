// The pickles of a TorchScript archive: of its module, with storages, and of its constants.
#include "torchscript_pickle.hpp"

#include <cstdint>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ferry::fuzz::text_of({data, size});
  const ferry::torchscript::StorageSizes storages{{"0", 64}, {"1", 4}};
  for (const auto* sizes : {&storages, static_cast<const ferry::torchscript::StorageSizes*>(nullptr)})
    ferry::fuzz::refuses<ferry::torchscript::PickleError>([&] { ferry::torchscript::check_pickle(text, sizes); });
  return 0;
}

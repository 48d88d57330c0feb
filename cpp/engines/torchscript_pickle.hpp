// The pickles of a TorchScript archive, read without building anything. Standard library only.
// python/torchferry/engines/torchscript_pickle.py is its twin.
//
// Only the instructions and the callables that PyTorch writes are known. LibTorch believes the size that a pickle gives a storage
// and would read beyond the bytes of its entry; here storage and tensor are held to the entry.
#pragma once

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace ferry::torchscript {

// What is wrong with a pickle: `got X, expected Y`.
class PickleError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

using StorageSizes = std::map<std::string, std::uint64_t>;  // of the entry of each storage key, in bytes

// Checks a pickle. `storages` NULL: it may hold plain values and lists of them only. Throws PickleError.
void check_pickle(std::string_view data, const StorageSizes* storages);

// Text from a file, which may be anything, as it may be printed.
[[nodiscard]] std::string show(std::string_view text);

}  // namespace ferry::torchscript

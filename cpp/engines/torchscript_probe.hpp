// A digest of the bits that LibTorch's kernels give in this process. python/torchferry/engines/kernel_probe.py is its twin.
#pragma once

#include <string>

namespace ferry::libtorch {

// 16 digits of the SHA-256 of small products, convolutions, reductions and functions, some of them by two threads too. The
// number of threads is as before afterwards. Throws what LibTorch throws.
[[nodiscard]] std::string kernel_probe();

}  // namespace ferry::libtorch

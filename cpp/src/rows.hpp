// Samples of several calls as one tensor, and back.
#pragma once

#include <cstddef>
#include <ferry/ferry.hpp>
#include <span>
#include <vector>

namespace ferry {

// The samples [n, ...] of each call, one call after the other; the calls have the contract's inputs in its order, and all sizes
// but the batch in common.
[[nodiscard]] NamedTensors join_rows(std::span<const NamedTensors* const> calls);

// Samples `first` to `first + count` of outputs [N, ...].
[[nodiscard]] NamedTensors cut_rows(const NamedTensors& outputs, std::size_t first, std::size_t count);

}  // namespace ferry

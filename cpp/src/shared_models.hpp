// Models that several sessions of this process have together, so that their weights lie in memory once.
#pragma once

#include <ferry/engine.h>

#include <cstdint>
#include <functional>
#include <memory>

namespace ferry {

// Opens a model, or takes one that is open where its engine shares models (FERRY_ENGINE_SHARES_MODELS) and everything that it
// was asked for is the same: the SHA-256 of its files, contract, requirements, device, threads, permissions, and whether its
// files last. `load` gives the files of the request their data, where a model is opened. The model is closed with the last that
// has it, and what `load` returned, which it may point into, is let go after that. Returns what the table's `open` returns.
// Throws bad_alloc, and what `load` throws.
[[nodiscard]] std::int32_t open_shared(const ferry_engine& table, const ferry_open_request& request,
                                       const std::function<std::shared_ptr<const void>()>& load,
                                       std::shared_ptr<ferry_engine_model>& model, ferry_engine_error& error);

}  // namespace ferry

// The table of the engine `c`, which a plugin gives and a static libferry has.
#pragma once

#include "ferry/engine.h"

namespace ferry::c {

// `name`: "c", or "c-int8", which differs in nothing else; static storage.
[[nodiscard]] ferry_engine table_of(const char* name) noexcept;

}  // namespace ferry::c

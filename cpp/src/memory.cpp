#include "memory.hpp"

#include <ferry/ferry.hpp>

namespace ferry {

namespace {

// Made while there is memory; a copy of it shares its text.
const Error lack_of_memory(  // NOLINT(cert-err58-cpp, bugprone-throwing-static-initialization): without it nothing starts
    ErrorCode::io, "memory: got none, expected enough for this call; use smaller batches");

}  // namespace

void throw_lack_of_memory() { throw Error(lack_of_memory); }

}  // namespace ferry

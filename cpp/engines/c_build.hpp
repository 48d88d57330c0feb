// Building an object of the engine `c` from sources that have been checked: in a private folder that is gone afterwards.
// python/torchferry/engines/c_build.py is its twin: the same compiler, options and messages. Standard library and POSIX only.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "c_files.hpp"

namespace ferry::c {

inline constexpr std::string_view object_name = "model.so";

// The shared object for one kind of machine; `sources` is not empty, its first is the one to compile, and `digest` what the
// object shall say of them. Throws Refusal: FERRY_UNAVAILABLE without a C compiler that works, FERRY_FORMAT for sources that are
// no C.
[[nodiscard]] std::vector<std::byte> build(const std::vector<Source>& sources, const std::string& digest,
                                           const std::string& triple);

}  // namespace ferry::c

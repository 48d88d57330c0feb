// The blob of a delegate of XNNPACK: its FlatBuffer, the ids in it and the sizes of its weights are checked.
//
// XNNPACK verifies nothing in it: an id or a size of weights that lies leads outside the memory. engines/xnnpack_door.py is the
// twin.
#pragma once

#include <map>
#include <string_view>

#include "flat_table.hpp"

namespace ferry::engines {

using NamedData = std::map<std::string_view, std::string_view, std::less<>>;

// The graph in a delegate's blob. Throws Refusal of FERRY_FORMAT.
Flat check_xnnpack_blob(std::string_view blob, const NamedData& named);

}  // namespace ferry::engines

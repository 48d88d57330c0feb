// The operators that a TorchScript archive may use. The tables are built from
// python/torchferry/engines/torchscript_operators.txt.
#pragma once

#include <set>
#include <string_view>

namespace ferry::torchscript {

// Names, as `aten::add`, that need no permission.
[[nodiscard]] const std::set<std::string_view>& allowed_operators();

// Names that are known and refused; a name in neither set is refused too.
[[nodiscard]] const std::set<std::string_view>& refused_operators();

}  // namespace ferry::torchscript

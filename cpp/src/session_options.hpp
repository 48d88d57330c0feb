// What a session is asked for, held to what there is.
#pragma once

#include <ferry/ferry.hpp>
#include <string_view>

namespace ferry {

// Throws Error(usage) for a text that names no operator, as `aten::as_strided`.
void check_operator_name(std::string_view name);

// The same options. Throws Error(usage | unavailable) for a device, a number or an operator that no session can have.
[[nodiscard]] SessionOptions checked(SessionOptions options);

}  // namespace ferry

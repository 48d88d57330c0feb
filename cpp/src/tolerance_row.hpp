// What an output of a session is held to.
#pragma once

#include <ferry/ferry.hpp>
#include <string>
#include <string_view>

namespace ferry {

// A session's row for an output, for `golden` numerics or for `any`; null where the manifest has none.
[[nodiscard]] const Tolerance* find_tolerance(const Bundle& bundle, const Session& session, const std::string& output,
                                              std::string_view numerics);

// The row that holds on any machine. Throws Error(format) where there is none.
[[nodiscard]] const Tolerance& any_tolerance(const Bundle& bundle, const Session& session, const std::string& output);

}  // namespace ferry

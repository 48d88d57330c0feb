// Which engine runs a bundle where the command line may leave it open.
#pragma once

#include <string>

#include "ferry/ferry.hpp"
#include "verbs.hpp"

namespace ferry::cli {

// The session of one engine, isolated as `choose_isolation` says. Throws whatever Session throws.
[[nodiscard]] Session open_engine(const Bundle& bundle, const EngineOptions& options, const std::string& engine);

// The session of the engine asked for, else of the first artifact, in manifest order, whose engine can run here.
// Throws Error(unavailable) that names each engine's reason, and whatever else Session throws.
[[nodiscard]] Session open_session(const Bundle& bundle, const EngineOptions& options);

}  // namespace ferry::cli

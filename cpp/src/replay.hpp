// A bundle's goldens on the engines that can run here: what `ferry-run verify` and ferry_verify do.
#pragma once

#include <cstdint>
#include <ferry/ferry.hpp>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace ferry {

// What replaying came to. A model that isolation had to contain has failed, and its line ends the command.
struct Replay {
  std::vector<EngineVerdict> verdicts;
  std::string contained;
};

// Which engine, on which device, how often. No engine: every one that the bundle has.
struct ReplayOptions {
  std::string engine;
  std::string device;
  std::size_t calls = 1;  // of each case, 1 to max_verify_calls
};

// How often to call; `option` begins the line of Error(usage) for a number that verifying does not take.
[[nodiscard]] std::size_t checked_calls(std::int64_t calls, std::string_view option);

// Opens an engine of the bundle.
using EngineOpener = std::function<Session(const std::string& engine)>;

// Replays the goldens. An engine that cannot run here is `unavailable`, unless it was asked for by name: then
// Error(unavailable). Throws what `open` and verify() throw.
[[nodiscard]] Replay replay(const Bundle& bundle, const ReplayOptions& options, const EngineOpener& open);

// At least one engine ran, and every one that ran passed.
[[nodiscard]] bool all_passed(std::span<const EngineVerdict> engines) noexcept;

// Throws Error(unavailable) where a model had to be contained, or no engine ran.
void require_a_run(const Bundle& bundle, const Replay& replay);

}  // namespace ferry

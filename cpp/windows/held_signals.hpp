// Signals that wait. cpp/posix/held_signals.hpp is its twin.
#pragma once

namespace ferry {

// Nothing: Windows ends a process without asking its threads.
class HeldSignals {
 public:
  HeldSignals() noexcept {}  // NOLINT(modernize-use-equals-default): an object that is made for its life is not unused
};

}  // namespace ferry

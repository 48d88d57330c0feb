// Isolation where it cannot be built: every wish for it is refused.
#include "isolation/isolation.hpp"

namespace ferry::isolation {

std::string why_not() { return "got a build without libseccomp, expected one with it; install libseccomp-dev and build again"; }

std::unique_ptr<EngineHost> open_cell(const std::string& /*engine*/, const Limits& /*limits*/) {
  throw Error(ErrorCode::unavailable, "--isolate: " + why_not());
}

}  // namespace ferry::isolation

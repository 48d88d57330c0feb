// Whose signatures open a bundle: trusted keys, revoked ones, and the policy of an application (FORMAT.md section 13).
// The Python twin is python/torchferry/bundle/trust.py.
#pragma once

#include <ferry/ferry.hpp>
#include <string_view>
#include <vector>

#include "container.hpp"
#include "signature.hpp"

namespace ferry {

// Everything that must hold: the process's policy and what the caller asks for, else what FERRY_TRUST names.
[[nodiscard]] std::vector<TrustOptions> demands(const TrustOptions& asked);

// The signatures that trusted keys made of the manifest's bytes; none are looked for where nothing is asked. Throws
// Error(integrity) where any demand is not met, Error(io | format) for a key file.
[[nodiscard]] std::vector<ParsedSignature> check_trust(const Container& container, std::string_view manifest,
                                                       const std::vector<TrustOptions>& asked);

// Every signature that lies beside the manifest, sorted by file name; none is checked. Throws Error(io | integrity).
[[nodiscard]] std::vector<ParsedSignature> read_signatures(const Container& container);

}  // namespace ferry

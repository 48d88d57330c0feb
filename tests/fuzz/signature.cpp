// Files of minisign: signatures and public keys.
#include "signature.hpp"

#include <cstdint>
#include <ferry/ferry.hpp>
#include <string>

#include "fuzz.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = ferry::fuzz::text_of({data, size});
  ferry::fuzz::refuses<ferry::Error>([&] { static_cast<void>(ferry::parse_public_key(text, "key.pub")); });
  return ferry::fuzz::refuses<ferry::Error>([&] {
    const auto signature = ferry::parse_signature(text, "manifest.json.minisig");
    ferry::check_signature("{}", signature, {signature.key_id, {}});
  });
}

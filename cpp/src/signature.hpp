// A minisign signature over manifest.json: its file format and its check (FORMAT.md section 13). The Python twin is
// python/torchferry/bundle/signature.py. Cryptography is libsodium's.
#pragma once

#include <sodium.h>

#include <array>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>

namespace ferry {

// A key that verifies; `key_id` is the 16 hex digits that minisign prints.
struct PublicKey {
  std::string key_id;
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> key{};
  bool operator==(const PublicKey&) const = default;
};

// One parsed signature file. Only a check makes the trusted comment trusted.
struct ParsedSignature {
  std::string where;
  std::string key_id;
  std::string comment;
  bool prehashed = true;  // of BLAKE2b-512 of the message, else of the message itself
  std::array<unsigned char, crypto_sign_BYTES> signature{};
  std::array<unsigned char, crypto_sign_BYTES> comment_signature{};
};

// Whether a file name is that of a signature: manifest.json.minisig or manifest.json.NAME.minisig.
[[nodiscard]] bool is_signature_name(std::string_view name);

// `where` is the path for messages. Throws Error(integrity), which names the key once it is known.
[[nodiscard]] ParsedSignature parse_signature(std::string_view data, const std::string& where);
// Throws Error(format).
[[nodiscard]] PublicKey parse_public_key(std::string_view data, const std::string& where);

// Verifies the signature of the manifest's bytes and that of the trusted comment. Throws Error(integrity).
void check_signature(std::string_view manifest, const ParsedSignature& signature, const PublicKey& key);

}  // namespace ferry

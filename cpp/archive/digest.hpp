// SHA-256 (FIPS 180-4): of much by OpenSSL where it is, else by libsodium.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "openssl.hpp"

namespace ferry {

// A digest of bytes that come in pieces. `hex` ends it; the object is not used afterwards.
class Sha256 {
 public:
  // `expected`: about how many bytes will come. It decides by whom the digest is made, and not what it is.
  explicit Sha256(std::uint64_t expected = 0) noexcept;
  void update(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] std::string hex();  // 64 lower-case digits

 private:
  crypto_hash_sha256_state state_{};
  std::optional<OpensslSha256> openssl_;
};

[[nodiscard]] std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace ferry

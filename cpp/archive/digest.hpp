// SHA-256 (FIPS 180-4), by libsodium.
#pragma once

#include <sodium.h>

#include <cstddef>
#include <span>
#include <string>

namespace ferry {

// A digest of bytes that come in pieces. `hex` ends it; the object is not used afterwards.
class Sha256 {
 public:
  Sha256() noexcept { crypto_hash_sha256_init(&state_); }
  void update(std::span<const std::byte> bytes) noexcept;
  [[nodiscard]] std::string hex();  // 64 lower-case digits

 private:
  crypto_hash_sha256_state state_{};
};

[[nodiscard]] std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace ferry

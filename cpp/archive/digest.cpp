#include "digest.hpp"

#include <array>
#include <cstdint>

namespace ferry {

namespace {

constexpr std::uint64_t much = std::uint64_t{1} << 20U;  // less is digested sooner than OpenSSL is loaded

}  // namespace

Sha256::Sha256(std::uint64_t expected) noexcept {
  if (expected >= much) openssl_ = OpensslSha256::make();
  crypto_hash_sha256_init(&state_);
}

void Sha256::update(std::span<const std::byte> bytes) noexcept {
  if (openssl_) return openssl_->update(bytes);
  crypto_hash_sha256_update(&state_, reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size());
}

std::string Sha256::hex() {
  std::array<unsigned char, crypto_hash_sha256_BYTES> digest{};
  if (openssl_)
    digest = openssl_->end();
  else
    crypto_hash_sha256_final(&state_, digest.data());
  std::string text(2 * digest.size() + 1, '\0');  // libsodium ends the text with a NUL
  sodium_bin2hex(text.data(), text.size(), digest.data(), digest.size());
  text.pop_back();
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 digest(bytes.size());
  digest.update(bytes);
  return digest.hex();
}

}  // namespace ferry

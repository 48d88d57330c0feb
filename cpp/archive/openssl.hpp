// SHA-256 by the system's OpenSSL 3, which has the processor's own instructions for it; libsodium has not.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <utility>

namespace ferry {

class OpensslSha256 {
 public:
  // Empty where this process can open no OpenSSL 3, as inside a sandbox.
  [[nodiscard]] static std::optional<OpensslSha256> make() noexcept;
  void update(std::span<const std::byte> bytes) noexcept;
  // Ends the digest; all zeros, which is the digest of nothing known, where OpenSSL has failed.
  [[nodiscard]] std::array<unsigned char, 32> end() noexcept;

 private:
  using Context = std::unique_ptr<void, void (*)(void*)>;
  explicit OpensslSha256(Context context) noexcept : context_(std::move(context)) {}

  Context context_;
  bool is_sound_ = true;
};

}  // namespace ferry

#include "digest.hpp"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace {

using ferry::Sha256;
using ferry::sha256_hex;

std::span<const std::byte> bytes_of(std::string_view text) { return std::as_bytes(std::span(text)); }

// The vectors of FIPS 180-4's examples (NIST, SHA256.pdf) and of the empty message.
TEST(Digest, GivesNistsVectors) {
  EXPECT_EQ(sha256_hex({}), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex(bytes_of("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256_hex(bytes_of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

TEST(Digest, IsTheSameInPieces) {
  Sha256 digest;
  for (int i = 0; i < 1000; ++i) digest.update(bytes_of(std::string(1000, 'a')));
  EXPECT_EQ(digest.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");  // NIST's million of a
}

// NIST's million of a, and the same by whichever library makes the digest of much.
TEST(Digest, OfMuchIsTheSame) {
  for (const std::uint64_t expected : {std::uint64_t{0}, std::uint64_t{1} << 40U}) {
    Sha256 digest(expected);
    for (int i = 0; i < 1000; ++i) digest.update(bytes_of(std::string(1000, 'a')));
    EXPECT_EQ(digest.hex(), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  }
  std::string text(std::size_t{3} << 20U, '\0');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>(i * i % 251);
  Sha256 small;
  small.update(bytes_of(text));
  const std::string digest = small.hex();
  EXPECT_EQ(sha256_hex(bytes_of(text)), digest);
  text.back() = static_cast<char>(text.back() ^ 1);
  EXPECT_NE(sha256_hex(bytes_of(text)), digest);
}

#if defined(__GLIBC__)
TEST(Digest, OfMuchIsMadeByOpenssl) {
  if (!ferry::OpensslSha256::make()) GTEST_SKIP() << "no libcrypto.so.3 here";
  auto digest = std::move(*ferry::OpensslSha256::make());
  digest.update(bytes_of("abc"));
  EXPECT_EQ(digest.end()[0], 0xba);
}
#endif

}  // namespace

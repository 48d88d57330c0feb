// Signatures over the toy bundle's manifest, made here with libsodium in minisign's format.
#include "trust.hpp"

#include <gtest/gtest.h>
#include <sodium.h>

#include <array>
#include <ferry/ferry.hpp>
#include <string>
#include <vector>

#include "toy_bundle.hpp"

namespace {

namespace fs = std::filesystem;
using Bytes = std::vector<unsigned char>;

std::string base64(const Bytes& bytes) {
  std::string text(sodium_base64_encoded_len(bytes.size(), sodium_base64_VARIANT_ORIGINAL), '\0');
  sodium_bin2base64(text.data(), text.size(), bytes.data(), bytes.size(), sodium_base64_VARIANT_ORIGINAL);
  text.pop_back();  // the final zero byte
  return text;
}

const unsigned char* bytes_of(const std::string& text) { return reinterpret_cast<const unsigned char*>(text.data()); }

class KeyPair {
 public:
  explicit KeyPair(unsigned char id) : id_(8, id) {
    EXPECT_GE(sodium_init(), 0);
    crypto_sign_keypair(public_.data(), secret_.data());
  }

  [[nodiscard]] std::string public_text() const {
    Bytes raw = {'E', 'd'};
    raw.insert(raw.end(), id_.begin(), id_.end());
    raw.insert(raw.end(), public_.begin(), public_.end());
    return "untrusted comment: a test\n" + base64(raw) + "\n";
  }

  [[nodiscard]] std::string sign(const std::string& manifest, const std::string& comment) const {
    std::array<unsigned char, crypto_generichash_BYTES_MAX> hash{};
    crypto_generichash(hash.data(), hash.size(), bytes_of(manifest), manifest.size(), nullptr, 0);
    const Bytes signature = signature_of(Bytes(hash.begin(), hash.end()));
    Bytes raw = {'E', 'D'};
    raw.insert(raw.end(), id_.begin(), id_.end());
    raw.insert(raw.end(), signature.begin(), signature.end());
    Bytes global = signature;
    global.insert(global.end(), comment.begin(), comment.end());
    return "untrusted comment: a test\n" + base64(raw) + "\ntrusted comment: " + comment + "\n" + base64(signature_of(global)) +
           "\n";
  }

 private:
  [[nodiscard]] Bytes signature_of(const Bytes& message) const {
    Bytes made(crypto_sign_BYTES);
    crypto_sign_detached(made.data(), nullptr, message.data(), message.size(), secret_.data());
    return made;
  }

  Bytes id_;
  std::array<unsigned char, crypto_sign_PUBLICKEYBYTES> public_{};
  std::array<unsigned char, crypto_sign_SECRETKEYBYTES> secret_{};
};

class SignedBundle : public ::testing::Test {
 protected:
  void sign_with(const KeyPair& pair) const {
    write_file(toy.folder() / "manifest.json.minisig", pair.sign(read_file(toy.folder() / "manifest.json"), "made by a test"));
  }
  [[nodiscard]] fs::path key_file(const KeyPair& pair, const std::string& name = "key.pub") const {
    write_file(keys.path() / name, pair.public_text());
    return keys.path() / name;
  }
  [[nodiscard]] Failure failure(const ferry::TrustOptions& trust) const {
    return failure_of([&] { static_cast<void>(ferry::Bundle::open(toy.folder(), trust)); });
  }

  ToyBundle toy;
  TemporaryFolder keys;
  KeyPair mine{0x11};
};

TEST_F(SignedBundle, OpensForATrustedKeyAndNamesIt) {
  sign_with(mine);
  const ferry::Bundle bundle = ferry::Bundle::open(toy.folder(), {.keys = {key_file(mine)}});
  const std::vector<ferry::Signature> signatures = bundle.signatures();
  ASSERT_EQ(signatures.size(), 1U);
  EXPECT_EQ(signatures[0].key_id, "1111111111111111");
  EXPECT_EQ(signatures[0].comment, "made by a test");
  EXPECT_TRUE(signatures[0].trusted);
}

TEST_F(SignedBundle, IsJudgedInMemoryAsInItsFolder) {
  const auto open = [&](const ferry::TrustOptions& trust) {
    const std::string archive = toy.packed();
    return ferry::Bundle::from_memory(std::as_bytes(std::span(archive)), "phone", trust);
  };
  const auto refusal = [&](const ferry::TrustOptions& trust) { return failure_of([&] { static_cast<void>(open(trust)); }); };
  const ferry::TrustOptions trust{.keys = {key_file(mine)}};
  EXPECT_TRUE(refusal(trust).text.starts_with("phone/manifest.json: not signed")) << refusal(trust).text;
  sign_with(mine);
  EXPECT_TRUE(open(trust).signatures().at(0).trusted);
  EXPECT_EQ(refusal({.keys = {key_file(KeyPair{0x22})}}).code, 4);
  toy.manifest["name"] = "other";
  toy.write_manifest();
  EXPECT_EQ(refusal(trust).code, 4);
}

TEST_F(SignedBundle, IsNotTrustedWhereNothingWasAsked) {
  sign_with(mine);
  const std::vector<ferry::Signature> signatures = toy.open().signatures();
  ASSERT_EQ(signatures.size(), 1U);
  EXPECT_FALSE(signatures[0].trusted);
}

TEST_F(SignedBundle, WithoutASignatureIsRefused) { EXPECT_EQ(failure({.keys = {key_file(mine)}}).code, 4); }

TEST_F(SignedBundle, OfAnotherKeyIsRefusedAndTheKeyNamed) {
  sign_with(mine);
  const Failure refused = failure({.keys = {key_file(KeyPair{0x22})}});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.text.find("1111111111111111"), std::string::npos) << refused.text;
}

TEST_F(SignedBundle, WithTheIdOfATrustedKeyButAnotherSecretIsRefused) {
  sign_with(KeyPair{0x11});
  EXPECT_EQ(failure({.keys = {key_file(mine)}}).code, 4);
}

TEST_F(SignedBundle, WhoseManifestChangedIsRefusedBeforeItIsParsed) {
  sign_with(mine);
  write_file(toy.folder() / "manifest.json", "no JSON at all");
  EXPECT_EQ(failure({.keys = {key_file(mine)}}).code, 4);
  EXPECT_EQ(failure({}).code, 3);
}

TEST_F(SignedBundle, WhoseSignatureGoesOnAfterItsFourthLineIsRefused) {
  sign_with(mine);
  const fs::path file = toy.folder() / "manifest.json.minisig";
  const std::string whole = read_file(file);
  for (const std::string more : {"x", "\n", "x\n"}) {
    write_file(file, whole + more);
    const Failure refused = failure({.keys = {key_file(mine)}});
    EXPECT_EQ(refused.code, 4);
    EXPECT_NE(refused.text.find("does not end after line 4"), std::string::npos) << refused.text;
  }
}

TEST_F(SignedBundle, OfARevokedKeyIsRefused) {
  sign_with(mine);
  static_cast<void>(key_file(mine));
  EXPECT_EQ(failure({.keys = {keys.path()}}).code, 0);
  write_file(keys.path() / "revoked", "# lost\n1111111111111111\n");
  const Failure refused = failure({.keys = {keys.path()}});
  EXPECT_EQ(refused.code, 4);
  EXPECT_NE(refused.text.find("revoked"), std::string::npos) << refused.text;
}

TEST_F(SignedBundle, WithoutAKeyOpensNothingWhereASignatureIsRequired) {
  sign_with(mine);
  EXPECT_EQ(failure({.keys = {}, .require_signature = true}).code, 4);
}

TEST_F(SignedBundle, TakesNoOtherFileForAKey) {
  sign_with(mine);
  write_file(keys.path() / "key.pub", "not a key\n");
  EXPECT_EQ(failure({.keys = {keys.path() / "key.pub"}}).code, 3);
  EXPECT_EQ(failure({.keys = {keys.path() / "absent.pub"}}).code, 6);
}

}  // namespace

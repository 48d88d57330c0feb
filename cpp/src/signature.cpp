#include "signature.hpp"

#include <algorithm>
#include <ferry/ferry.hpp>
#include <optional>
#include <vector>

#include "limits.hpp"
#include "manifest.hpp"
#include "text.hpp"

namespace ferry {

namespace {

constexpr std::string_view untrusted = "untrusted comment: ";
constexpr std::string_view trusted = "trusted comment: ";
constexpr std::string_view legacy = "Ed";     // signs the message itself
constexpr std::string_view prehashed = "ED";  // signs its BLAKE2b-512
constexpr std::size_t algorithm_bytes = 2;
constexpr std::size_t id_bytes = 8;
constexpr std::size_t signature_offset = algorithm_bytes + id_bytes;

std::vector<std::string_view> split_lines(std::string_view data) {
  std::vector<std::string_view> lines;
  for (std::size_t end = data.find('\n'); end != std::string_view::npos; end = data.find('\n')) {
    lines.push_back(data.substr(0, end));
    data.remove_prefix(end + 1);
  }
  lines.push_back(data);
  return lines;
}

// Nothing for a text that is not the one spelling of N bytes.
template <std::size_t N>
std::optional<std::array<unsigned char, N>> decode_base64(std::string_view text) {
  std::array<unsigned char, N> bytes{};
  std::size_t size = 0;
  const char* end = nullptr;
  const int failed =
      sodium_base642bin(bytes.data(), N, text.data(), text.size(), nullptr, &size, &end, sodium_base64_VARIANT_ORIGINAL);
  if (failed != 0 || size != N || end != text.data() + text.size()) return std::nullopt;
  // libsodium also reads other spellings, of bytes above 127 for one.
  std::array<char, sodium_base64_ENCODED_LEN(N, sodium_base64_VARIANT_ORIGINAL)> again{};
  sodium_bin2base64(again.data(), again.size(), bytes.data(), N, sodium_base64_VARIANT_ORIGINAL);
  if (text != std::string_view(again.data())) return std::nullopt;
  return bytes;
}

// The 8 bytes as one little-endian number.
std::string key_id_of(const unsigned char* bytes) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string id;
  for (std::size_t i = id_bytes; i-- > 0;) {
    id += digits[bytes[i] >> 4U];
    id += digits[bytes[i] & 15U];
  }
  return id;
}

template <std::size_t N>
std::string_view algorithm_of(const std::array<unsigned char, N>& raw) {
  return {reinterpret_cast<const char*>(raw.data()), algorithm_bytes};
}

[[noreturn]] void malformed(const std::string& where, const std::string& problem, const std::string& key_id = {}) {
  const std::string whose = key_id.empty() ? "signature of an unnamed key" : "signature of key " + key_id;
  throw Error(ErrorCode::integrity,
              where + ": " + whose + ": " + problem + ", expected the four lines that minisign writes; copy the signature again");
}

const unsigned char* bytes_of(std::string_view text) { return reinterpret_cast<const unsigned char*>(text.data()); }

}  // namespace

bool is_signature_name(std::string_view name) {
  constexpr std::string_view end = ".minisig";
  if (!name.starts_with(manifest_name) || !name.ends_with(end) || name.size() < manifest_name.size() + end.size()) return false;
  name = name.substr(manifest_name.size(), name.size() - manifest_name.size() - end.size());
  const auto may_stand = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  return name.empty() || (name.size() > 1 && name.front() == '.' && std::all_of(name.begin() + 1, name.end(), may_stand));
}

ParsedSignature parse_signature(std::string_view data, const std::string& where) {
  if (data.size() > limits::max_signature_bytes)
    malformed(where, "got more than " + std::to_string(limits::max_signature_bytes) + " bytes");
  const std::vector<std::string_view> lines = split_lines(data);
  if (!lines[0].starts_with(untrusted)) malformed(where, "line 1 is no untrusted comment");
  const auto raw = decode_base64<signature_offset + crypto_sign_BYTES>(lines.size() > 1 ? lines[1] : "");
  if (!raw) malformed(where, "line 2 is no signature");
  ParsedSignature found{.where = where, .key_id = key_id_of(raw->data() + algorithm_bytes), .comment = {}};
  const std::string_view algorithm = algorithm_of(*raw);
  if (algorithm != legacy && algorithm != prehashed) malformed(where, "the algorithm is neither Ed nor ED", found.key_id);
  found.prehashed = algorithm == prehashed;
  if (lines.size() < 3 || !lines[2].starts_with(trusted)) malformed(where, "line 3 is no trusted comment", found.key_id);
  const auto comment_signature = decode_base64<crypto_sign_BYTES>(lines.size() > 3 ? lines[3] : "");
  if (!comment_signature) malformed(where, "line 4 is no signature", found.key_id);
  if (lines.size() != 5 || !lines[4].empty()) malformed(where, "the file does not end after line 4", found.key_id);
  found.comment = lines[2].substr(trusted.size());
  if (!text::is_utf8(found.comment)) malformed(where, "the trusted comment is not UTF-8", found.key_id);
  std::copy(raw->begin() + signature_offset, raw->end(), found.signature.begin());
  found.comment_signature = *comment_signature;
  return found;
}

PublicKey parse_public_key(std::string_view data, const std::string& where) {
  if (data.ends_with('\n')) data.remove_suffix(1);
  const std::vector<std::string_view> lines = split_lines(data);
  const auto raw = decode_base64<signature_offset + crypto_sign_PUBLICKEYBYTES>(lines.back());
  if (lines.size() != 2 || !lines[0].starts_with(untrusted) || !raw || algorithm_of(*raw) != legacy) {
    throw Error(ErrorCode::format,
                where + ": got no public key, expected minisign's two lines; trust the .pub file of the key pair");
  }
  PublicKey key{key_id_of(raw->data() + algorithm_bytes), {}};
  std::copy(raw->begin() + signature_offset, raw->end(), key.key.begin());
  return key;
}

void check_signature(std::string_view manifest, const ParsedSignature& signature, const PublicKey& key) {
  std::string message(manifest);
  if (signature.prehashed) {
    message.resize(crypto_generichash_BYTES_MAX);
    crypto_generichash(reinterpret_cast<unsigned char*>(message.data()), message.size(), bytes_of(manifest), manifest.size(),
                       nullptr, 0);
  }
  const std::string who = signature.where + ": signature of key " + signature.key_id;
  if (crypto_sign_verify_detached(signature.signature.data(), bytes_of(message), message.size(), key.key.data()) != 0) {
    throw Error(ErrorCode::integrity, who + ": does not fit " + std::string(manifest_name) +
                                          ", expected the signature of these bytes; get the bundle and its signature again");
  }
  std::string with_comment(signature.signature.begin(), signature.signature.end());
  with_comment += signature.comment;
  if (crypto_sign_verify_detached(signature.comment_signature.data(), bytes_of(with_comment), with_comment.size(),
                                  key.key.data()) != 0) {
    throw Error(ErrorCode::integrity,
                who + ": does not fit its trusted comment, expected the comment as signed; get the signature again");
  }
}

}  // namespace ferry

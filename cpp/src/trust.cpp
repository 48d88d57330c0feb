#include "trust.hpp"

#include <algorithm>
#include <cstdlib>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "file.hpp"
#include "limits.hpp"
#include "manifest.hpp"
#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

constexpr auto variable = "FERRY_TRUST";
constexpr std::string_view revoked_name = "revoked";

struct Keyring {
  std::map<std::string, PublicKey, std::less<>> keys;
  std::set<std::string, std::less<>> revoked;
  [[nodiscard]] bool trusts(const std::string& key_id) const { return keys.contains(key_id) && !revoked.contains(key_id); }
};

struct Policy {
  std::mutex mutex;
  std::optional<TrustOptions> value;
};

Policy& policy() {
  static Policy only;
  return only;
}

bool is_asked(const TrustOptions& trust) { return trust.require_signature || !trust.keys.empty(); }

using text::shown;

// At most one byte beyond the limit; waits for nothing. Throws Error(io), or Error(integrity) for a special file.
std::string read_small(const fs::path& path, const std::string& expected) {
  File file = File::open_at_once(path, expected);
  if (!file.is_regular()) throw Error(ErrorCode::integrity, shown(path) + ": got a special file, expected " + expected);
  std::string data(limits::max_signature_bytes + 1, '\0');
  data.resize(file.read(std::as_writable_bytes(std::span(data))));
  return data;
}

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error))
    names.push_back(text::utf8(it->path().filename()));
  if (error)
    throw Error(ErrorCode::io,
                shown(folder) + ": got " + error.message() + ", expected a readable folder; check its permissions");
  std::sort(names.begin(), names.end());
  return names;
}

void add_key(Keyring& ring, const fs::path& path) {
  const PublicKey key =
      parse_public_key(read_small(path, "a public key of minisign; check the path and its permissions"), shown(path));
  if (ring.keys.emplace(key.key_id, key).first->second != key) {
    throw Error(ErrorCode::format, shown(path) + ": got a second key with the id " + key.key_id +
                                       ", expected one; remove the one that you do not trust");
  }
}

// Without spaces around it.
std::string trimmed(const std::string& text) {
  constexpr auto spaces = " \t\r";
  const std::size_t first = text.find_first_not_of(spaces);
  return first == std::string::npos ? std::string() : text.substr(first, text.find_last_not_of(spaces) - first + 1);
}

// Key ids, one a line; # begins a comment.
void add_revoked(Keyring& ring, const fs::path& path) {
  std::string rest = read_small(path, "a readable list of key ids; check its permissions") + "\n";
  for (std::size_t end = rest.find('\n'); end != std::string::npos; end = rest.find('\n')) {
    const std::string line = trimmed(rest.substr(0, std::min(end, rest.find('#'))));
    rest.erase(0, end + 1);
    if (line.empty()) continue;
    if (line.size() != 16 || line.find_first_not_of("0123456789ABCDEF") != std::string::npos) {
      throw Error(ErrorCode::format,
                  shown(path) + ": got a line that is no key id, expected 16 upper-case hex digits a line; mend the list");
    }
    ring.revoked.insert(line);
  }
}

void add_folder(Keyring& ring, const fs::path& folder) {
  const std::vector<std::string> names = names_in(folder);
  const auto is_key = [](const std::string& name) { return name.ends_with(".pub"); };
  if (std::none_of(names.begin(), names.end(), is_key)) {
    throw Error(ErrorCode::integrity,
                shown(folder) + ": got no key, expected at least one .pub file; put the keys you trust there");
  }
  for (const std::string& name : names)
    if (is_key(name)) add_key(ring, folder / text::path_of(name));
  if (std::binary_search(names.begin(), names.end(), revoked_name)) add_revoked(ring, folder / revoked_name);
}

Keyring load(const std::vector<fs::path>& paths) {
  Keyring ring;
  for (const fs::path& path : paths) {
    if (path.empty()) throw Error(ErrorCode::usage, "--trust: got nothing, expected a key or a folder");
    std::error_code error;
    fs::is_directory(path, error) ? add_folder(ring, path) : add_key(ring, path);
  }
  return ring;
}

std::string named(const Keyring& ring) {
  std::string text;
  for (const auto& [key_id, key] : ring.keys)
    if (ring.trusts(key_id)) text += (text.empty() ? "" : " or ") + key_id;
  return text.empty() ? "(none is trusted)" : text;
}

// None of the signatures is of a trusted key.
[[noreturn]] void refuse(const std::vector<ParsedSignature>& found, const Keyring& ring) {
  const auto revoked =
      std::find_if(found.begin(), found.end(), [&](const auto& one) { return ring.revoked.contains(one.key_id); });
  const bool is_revoked = revoked != found.end();
  const ParsedSignature& first = is_revoked ? *revoked : found.front();
  throw Error(ErrorCode::integrity, first.where + ": signed by key " + first.key_id + ", which " +
                                        (is_revoked ? "is revoked" : "is not trusted") + "; expected key " + named(ring) +
                                        "; get a bundle that it signed");
}

// Checks each signature of a trusted key; one that is wrong refuses the bundle, whoever else signed it.
std::vector<ParsedSignature> accepted(const Container& container, std::string_view manifest, const Keyring& ring) {
  const std::vector<ParsedSignature> found = read_signatures(container);
  if (found.empty()) {
    throw Error(ErrorCode::integrity, container.name_of(manifest_name) + ": not signed, expected a signature of key " +
                                          named(ring) + "; get a signed bundle");
  }
  std::vector<ParsedSignature> good;
  for (const ParsedSignature& one : found) {
    if (!ring.trusts(one.key_id)) continue;
    check_signature(manifest, one, ring.keys.at(one.key_id));
    good.push_back(one);
  }
  if (good.empty()) refuse(found, ring);
  return good;
}

}  // namespace

void set_trust_policy(const TrustOptions& options) {
  const std::scoped_lock lock(policy().mutex);
  std::optional<TrustOptions>& value = policy().value;
  if (value && *value != options)
    throw Error(ErrorCode::usage, "trust policy: got a second one, expected one a process; set it once");
  value = options;
}

std::vector<TrustOptions> demands(const TrustOptions& asked) {
  std::vector<TrustOptions> all;
  {
    const std::scoped_lock lock(policy().mutex);
    if (const std::optional<TrustOptions>& value = policy().value) all.push_back(*value);
  }
  TrustOptions own = asked;
  if (const char* value = std::getenv(variable); value != nullptr) {
    if (*value == '\0')
      throw Error(ErrorCode::usage, std::string(variable) + ": got nothing, expected a key or a folder; unset it or name one");
    if (own.keys.empty() && (all.empty() || all.front().keys.empty())) own.keys.emplace_back(value);
  }
  all.push_back(std::move(own));
  std::erase_if(all, [](const TrustOptions& one) { return !is_asked(one); });
  // Who only requires a signature is content with keys that another names.
  const auto has_keys = [](const TrustOptions& one) { return !one.keys.empty(); };
  if (std::any_of(all.begin(), all.end(), has_keys)) std::erase_if(all, std::not_fn(has_keys));
  return all;
}

std::vector<ParsedSignature> check_trust(const Container& container, std::string_view manifest,
                                         const std::vector<TrustOptions>& asked) {
  std::map<std::string, ParsedSignature> good;
  for (const TrustOptions& one : asked)
    for (ParsedSignature& signature : accepted(container, manifest, load(one.keys)))
      good.emplace(signature.where, std::move(signature));
  std::vector<ParsedSignature> all;
  all.reserve(good.size());
  for (auto& [where, signature] : good) all.push_back(std::move(signature));
  return all;
}

std::vector<ParsedSignature> read_signatures(const Container& container) {
  std::vector<std::string> names = container.names();
  std::erase_if(names, [](const std::string& name) { return !is_signature_name(name); });
  if (names.size() > limits::max_signatures) {
    throw Error(ErrorCode::integrity, shown(container.root()) + ": got " + std::to_string(names.size()) +
                                          " signatures, expected at most " + std::to_string(limits::max_signatures) +
                                          "; remove those that you do not need");
  }
  std::vector<ParsedSignature> signatures;
  for (const std::string& name : names) {
    const std::vector<std::byte> bytes = container.open(name, Links::follow).read(limits::max_signature_bytes + 1);
    signatures.push_back(parse_signature({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, container.name_of(name)));
  }
  return signatures;
}

}  // namespace ferry

#include <algorithm>
#include <array>
#include <ferry/ferry.hpp>
#include <functional>
#include <set>

#include "digest.hpp"
#include "float_mode.hpp"
#include "folder.hpp"
#include "limits.hpp"
#include "manifest.hpp"
#include "memory.hpp"
#include "npy.hpp"
#include "signature.hpp"
#include "text.hpp"
#include "trust.hpp"

namespace ferry {

namespace fs = std::filesystem;

struct Bundle::State {
  Folder folder;
  std::string manifest_json;
  Manifest manifest;
  std::set<std::string, std::less<>> missing;  // native files that are listed and not there
  std::vector<ParsedSignature> signatures;     // those that trusted keys made, where trust was asked for
};

namespace {

std::string read_manifest(const Folder& folder) {
  const std::string name = folder.name_of(manifest_name);
  if (!folder.has(manifest_name)) {
    throw Error(ErrorCode::format, name + ": got no such file, expected the bundle's manifest; export the bundle again");
  }
  const std::vector<std::byte> bytes = folder.read(manifest_name, limits::max_manifest_bytes + 1);
  if (bytes.size() > limits::max_manifest_bytes) {
    throw Error(ErrorCode::format, name + ": size: got more than " + std::to_string(limits::max_manifest_bytes) +
                                       " bytes, expected at most that; export the bundle again");
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Nothing is missing but native files, and nothing is there that the manifest does not list, but for sidecars.
void require_all(const Folder& folder, const std::vector<const FileEntry*>& listed,
                 const std::set<std::string, std::less<>>& missing,
                 const std::map<std::string, std::uint64_t, std::less<>>& unlisted) {
  for (const std::string& path : missing) {
    const auto file = std::ranges::find(listed, path, &FileEntry::path);
    if (is_native(**file)) continue;
    throw Error(ErrorCode::integrity,
                folder.name_of(path) + ": got no such file, expected it as listed in the manifest; copy the bundle whole");
  }
  if (unlisted.empty()) return;
  throw Error(ErrorCode::integrity,
              folder.name_of(unlisted.begin()->first) + ": got a file that the manifest does not list; remove it");
}

// What lies in the folder is what the manifest lists, with those sizes. Takes the native files that are missing out of `listed`
// and returns them.
std::set<std::string, std::less<>> check_files(const Folder& folder, std::vector<const FileEntry*>& listed) {
  auto found = folder.list();
  found.erase(std::string(manifest_name));
  std::set<std::string, std::less<>> missing;
  std::map<std::string, std::uint64_t, std::less<>> sizes;
  for (const FileEntry* file : listed) {
    const auto it = found.find(file->path);
    if (it == found.end()) {
      missing.insert(file->path);
    } else {
      sizes.insert(found.extract(it));
    }
  }
  std::erase_if(found, [](const auto& file) { return is_sidecar(file.first); });
  require_all(folder, listed, missing, found);
  std::erase_if(listed, [&](const FileEntry* file) { return missing.contains(file->path); });
  for (const FileEntry* file : listed) {
    if (const std::uint64_t got = sizes.at(file->path); got != file->bytes) {
      throw Error(ErrorCode::integrity, folder.name_of(file->path) + ": size: got " + std::to_string(got) + " bytes, expected " +
                                            std::to_string(file->bytes) +
                                            "; the file was changed or cut: export the bundle again");
    }
  }
  return missing;
}

[[noreturn]] void fail_digest(const Folder& folder, const FileEntry& file, const std::string& got) {
  throw Error(ErrorCode::integrity, folder.name_of(file.path) + ": sha256: got " + got.substr(0, 16) + "..., expected " +
                                        file.sha256.substr(0, 16) + "...; the file was changed: export the bundle again");
}

void check_digest(const Folder& folder, const FileEntry& entry) {
  constexpr std::size_t buffer_bytes = std::size_t{1} << 18U;
  std::vector<std::byte> buffer(buffer_bytes);
  File file = folder.open(entry.path);
  Sha256 digest;
  for (std::size_t got = buffer_bytes; got == buffer_bytes;) {
    got = file.read(buffer);
    digest.update(std::span(buffer).first(got));
  }
  if (const std::string hex = digest.hex(); hex != entry.sha256) fail_digest(folder, entry, hex);
}

}  // namespace

Bundle Bundle::open(const fs::path& path, const TrustOptions& trust) try {
  const IeeeArithmetic arithmetic;  // the numbers of the manifest are read and rounded as everywhere
  const std::vector<TrustOptions> asked = demands(trust);
  const Folder folder(path);
  std::string manifest_json = read_manifest(folder);
  std::vector<ParsedSignature> signatures = check_trust(path, manifest_json, asked);  // before anything else is parsed
  Manifest manifest = parse_manifest(manifest_json, folder.name_of(manifest_name));
  std::vector<const FileEntry*> listed = listed_files(manifest);
  std::set<std::string, std::less<>> missing = check_files(folder, listed);
  for (const FileEntry* file : listed) check_digest(folder, *file);
  Bundle bundle;
  bundle.state_ = std::make_shared<const State>(
      State{folder, std::move(manifest_json), std::move(manifest), std::move(missing), std::move(signatures)});
  return bundle;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

Bundle::Bundle() {
  static const auto empty = std::make_shared<const State>(State{});
  state_ = empty;
}

std::vector<Signature> Bundle::signatures() const {
  const std::vector<ParsedSignature>& good = state_->signatures;
  std::vector<Signature> found;
  for (const ParsedSignature& one : read_signatures(folder())) {
    const bool trusted = std::ranges::any_of(good, [&](const ParsedSignature& other) {
      return other.where == one.where && other.signature == one.signature && other.comment == one.comment;
    });
    found.push_back({fs::path(one.where).filename().native(), one.key_id, one.comment, trusted});
  }
  return found;
}

const fs::path& Bundle::folder() const noexcept { return state_->folder.root(); }
const Manifest& Bundle::manifest() const noexcept { return state_->manifest; }
const std::string& Bundle::manifest_json() const noexcept { return state_->manifest_json; }

const Artifact* Bundle::find_artifact(std::string_view engine) const noexcept {
  const std::vector<Artifact>& artifacts = manifest().artifacts;
  const auto it = std::find_if(artifacts.begin(), artifacts.end(), [engine](const Artifact& a) { return a.engine == engine; });
  return it == artifacts.end() ? nullptr : &*it;
}

bool Bundle::has(const FileEntry& file) const noexcept { return !state_->missing.contains(file.path); }

std::vector<std::byte> Bundle::read(const FileEntry& file) const try {
  std::vector<std::byte> bytes = state_->folder.read(file.path, file.bytes + 1);
  const std::string hex = sha256_hex(bytes);
  if (bytes.size() != file.bytes || hex != file.sha256) fail_digest(state_->folder, file, hex);
  return bytes;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

NamedTensors Bundle::read_tensors(const std::map<std::string, FileEntry, std::less<>>& files) const try {
  NamedTensors tensors;
  tensors.reserve(files.size());
  for (const auto& [name, file] : files) {
    tensors.add(name, npy::parse(read(file), {state_->folder.name_of(file.path), ErrorCode::format}));
  }
  return tensors;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

}  // namespace ferry

#include <algorithm>
#include <array>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <functional>
#include <mutex>
#include <set>

#include "container.hpp"
#include "digest.hpp"
#include "float_mode.hpp"
#include "folder.hpp"
#include "limits.hpp"
#include "manifest.hpp"
#include "memory.hpp"
#include "npy.hpp"
#include "packed.hpp"
#include "signature.hpp"
#include "text.hpp"
#include "timed.hpp"
#include "trust.hpp"

namespace ferry {

namespace fs = std::filesystem;

using Opened = std::shared_ptr<const Container>;

struct Bundle::State {
  Opened container;
  std::string manifest_json;
  Manifest manifest;
  Paths missing;                                     // native files that are listed and not there
  std::vector<std::string> ignored;                  // sidecars: there, not listed and not opened
  std::map<std::string, Content, std::less<>> held;  // files that links led to, so that no path is resolved twice
  std::vector<ParsedSignature> signatures;           // those that trusted keys made, where trust was asked for
};

namespace {

// The bytes of manifest.json: nothing of a bundle is read before them. Throws Error(format | io | integrity).
std::string read_manifest(const Container& container) {
  const std::string name = container.name_of(manifest_name);
  if (!container.has(manifest_name)) {
    throw Error(ErrorCode::format, name + ": got no such file, expected the bundle's manifest; export the bundle again");
  }
  const std::vector<std::byte> bytes = container.open(manifest_name, Links::follow).read(limits::max_manifest_bytes + 1);
  if (bytes.size() > limits::max_manifest_bytes) {
    throw Error(ErrorCode::format, name + ": size: got more than " + std::to_string(limits::max_manifest_bytes) +
                                       " bytes, expected at most that; export the bundle again");
  }
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

[[noreturn]] void fail(const Container& container, std::string_view path, const std::string& problem) {
  throw Error(ErrorCode::integrity, container.name_of(path) + ": " + problem);
}

[[noreturn]] void fail_digest(const Container& container, const FileEntry& file, const std::string& got) {
  fail(container, file.path,
       "sha256: got " + got.substr(0, 16) + "..., expected " + file.sha256.substr(0, 16) +
           "...; the file was changed: export the bundle again");
}

// What is there is what the manifest lists, with those sizes. Takes the native files that are missing out of `files` and returns
// them.
Paths check_files(const Container& container, std::vector<const FileEntry*>& files, const Paths& listed, const Listing& there) {
  Paths missing;
  for (const FileEntry* file : files)
    if (!there.sizes.contains(file->path)) missing.insert(file->path);
  for (const std::string& path : missing) {
    const auto is_it = [&](const FileEntry* file) { return file->path == path; };
    if (is_native(**std::find_if(files.begin(), files.end(), is_it))) continue;
    fail(container, path, "got no such file, expected it as listed in the manifest; copy the bundle whole");
  }
  std::erase_if(files, [&](const FileEntry* file) { return missing.contains(file->path); });
  for (const auto& [path, size] : there.sizes) {
    if (!listed.contains(path)) fail(container, path, "got a file that the manifest does not list; remove it");
  }
  for (const FileEntry* file : files) {
    const std::uint64_t size = there.sizes.find(file->path)->second;
    if (size != file->bytes)
      fail(container, file->path,
           "size: got " + std::to_string(size) + " bytes, expected " + std::to_string(file->bytes) +
               "; the file was changed or cut: export the bundle again");
  }
  return missing;
}

void check_digest(const Container& container, const FileEntry& entry, const Content& content) {
  constexpr std::size_t buffer_bytes = std::size_t{1} << 18U;
  std::vector<std::byte> buffer(buffer_bytes);
  Sha256 digest(entry.bytes);
  std::size_t got = buffer_bytes;
  for (std::uint64_t at = 0; got == buffer_bytes; at += got) {
    got = content.read_at(at, buffer);
    digest.update(std::span(buffer).first(got));
  }
  if (const std::string hex = digest.hex(); hex != entry.sha256) fail_digest(container, entry, hex);
}

Opened open_path(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (fs::exists(status) && !fs::is_directory(status)) return std::make_shared<const Packed>(path);
  return open_folder(path);  // or why there is none
}

// Whether another manifest is there now than the one whose bundle has just been refused.
bool is_replaced(const fs::path& path, const std::string& manifest_json) {
  try {
    return read_manifest(*open_path(path)) != manifest_json;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

// Checks the signatures, then every file against the manifest; the digests later where that is asked for: `read` and `map` check
// them each time. Throws Error(format | io | integrity).
Bundle Bundle::checked(std::shared_ptr<const Container> container, std::string manifest_json,
                       const std::vector<TrustOptions>& asked, FileChecks checks) {
  std::vector<ParsedSignature> signatures = check_trust(*container, manifest_json, asked);  // before anything else is parsed
  Manifest manifest = parse_manifest(manifest_json, container->name_of(manifest_name));
  std::vector<const FileEntry*> files = listed_files(manifest);
  Paths listed{std::string(manifest_name)};
  for (const FileEntry* file : files) listed.insert(file->path);
  Listing there = container->list(listed);
  Paths missing = check_files(*container, files, listed, there);
  std::map<std::string, Content, std::less<>> held;
  for (const FileEntry* file : files) {
    const Content content = container->open(file->path, Links::follow);
    if (checks == FileChecks::at_open) check_digest(*container, *file, content);
    if (content.is_link()) held.emplace(file->path, content);
  }
  Bundle bundle;
  bundle.state_ =
      std::make_shared<const State>(State{std::move(container), std::move(manifest_json), std::move(manifest), std::move(missing),
                                          std::move(there.sidecars), std::move(held), std::move(signatures)});
  return bundle;
}

Bundle Bundle::open(const fs::path& path, const TrustOptions& trust, FileChecks checks) try {
  const Timed timed("bundle.open");
  const IeeeArithmetic arithmetic;  // the numbers of the manifest are read and rounded as everywhere
  const std::vector<TrustOptions> asked = demands(trust);
  constexpr int attempts = 16;  // a bundle that is replaced while it is checked is opened again
  for (int attempt = 0; attempt < attempts; ++attempt) {
    Opened container = open_path(path);
    const std::string manifest_json = read_manifest(*container);
    try {
      return checked(std::move(container), manifest_json, asked, checks);
    } catch (const Error&) {
      if (!is_replaced(path, manifest_json)) throw;
    }
  }
  throw Error(ErrorCode::io,
              text::shown(path) + ": got another bundle each time it was read, expected one that stays; try again");
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

Bundle Bundle::from_memory(std::span<const std::byte> bytes, const std::string& name, const TrustOptions& trust) try {
  const Timed timed("bundle.open");
  const IeeeArithmetic arithmetic;
  const std::vector<TrustOptions> asked = demands(trust);
  Opened container = std::make_shared<const Packed>(std::vector(bytes.begin(), bytes.end()), name);
  std::string manifest_json = read_manifest(*container);
  return checked(std::move(container), std::move(manifest_json), asked, FileChecks::at_open);
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

Bundle::Bundle() {
  static const auto empty = std::make_shared<const State>(State{std::make_shared<const Packed>(), {}, {}, {}, {}, {}, {}});
  state_ = empty;
}

std::vector<Signature> Bundle::signatures() const {
  const std::vector<ParsedSignature>& good = state_->signatures;
  std::vector<Signature> found;
  for (const ParsedSignature& one : read_signatures(*state_->container)) {
    const bool trusted = std::any_of(good.begin(), good.end(), [&](const ParsedSignature& other) {
      return other.where == one.where && other.signature == one.signature && other.comment == one.comment;
    });
    found.push_back({text::utf8(text::path_of(one.where).filename()), one.key_id, one.comment, trusted});
  }
  return found;
}

const fs::path& Bundle::folder() const noexcept { return state_->container->root(); }
const Manifest& Bundle::manifest() const noexcept { return state_->manifest; }
const std::string& Bundle::manifest_json() const noexcept { return state_->manifest_json; }

std::string Bundle::digest() const try {
  return sha256_hex(std::as_bytes(std::span(state_->manifest_json)));
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

const Artifact* Bundle::find_artifact(std::string_view engine) const noexcept {
  const std::vector<Artifact>& artifacts = manifest().artifacts;
  const auto it = std::find_if(artifacts.begin(), artifacts.end(), [engine](const Artifact& a) { return a.engine == engine; });
  return it == artifacts.end() ? nullptr : &*it;
}

bool Bundle::has(const FileEntry& file) const noexcept { return !state_->missing.contains(file.path); }

const std::vector<std::string>& Bundle::ignored() const noexcept { return state_->ignored; }

std::vector<std::byte> Bundle::read(const FileEntry& file) const try {
  const auto held = state_->held.find(file.path);
  const Content content = held != state_->held.end() ? held->second : state_->container->open(file.path, Links::refuse);
  std::vector<std::byte> bytes = content.read(static_cast<std::size_t>(file.bytes + 1));
  const std::string hex = sha256_hex(bytes);
  if (bytes.size() != file.bytes || hex != file.sha256) fail_digest(*state_->container, file, hex);
  return bytes;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

std::shared_ptr<const std::span<const std::byte>> Bundle::map(const FileEntry& file) const try {
  using Bytes = const std::span<const std::byte>;
  static std::mutex mutex;
  static auto& open = *new std::map<std::string, std::weak_ptr<Bytes>>;  // by SHA-256
  const std::scoped_lock lock(mutex);
  std::erase_if(open, [](const auto& item) { return item.second.expired(); });
  if (auto known = open[file.sha256].lock()) return known;
  const auto held = state_->held.find(file.path);
  const Content content = held != state_->held.end() ? held->second : state_->container->open(file.path, Links::refuse);
  const auto mapped = content.map();
  if (const std::string hex = sha256_hex(*mapped); mapped->size() != file.bytes || hex != file.sha256)
    fail_digest(*state_->container, file, hex);
  struct Kept {
    std::shared_ptr<Bytes> mapped;
    std::shared_ptr<const State> state;  // whose container may own the memory
  };
  const auto owner = std::make_shared<Kept>(Kept{mapped, state_});
  const std::shared_ptr<Bytes> kept(owner, mapped.get());
  open[file.sha256] = kept;
  return kept;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

NamedTensors Bundle::read_tensors(const std::map<std::string, FileEntry, std::less<>>& files) const try {
  NamedTensors tensors;
  tensors.reserve(files.size());
  for (const auto& [name, file] : files) {
    tensors.add(name, npy::parse(read(file), {state_->container->name_of(file.path), ErrorCode::format}));
  }
  return tensors;
} catch (const std::bad_alloc&) {
  throw_lack_of_memory();
}

}  // namespace ferry

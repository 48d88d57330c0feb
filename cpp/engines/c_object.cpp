#include "c_object.hpp"

#include <map>
#include <mutex>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "c_build.hpp"
#include "c_files.hpp"
#include "ferry/engine.hpp"
#include "library.hpp"
#include "machine.hpp"
#include "private_folder.hpp"

namespace ferry::c {

namespace {

using engines::bytes_of;
using engines::PrivateFolder;
using engines::Refusal;

// The bundle's object for the strongest kind of machine that this one is; null where it has none.
const ferry_artifact_file* find_object(const ferry_open_request& request) {
  for (const auto& triple : engines::triples()) {
    const auto path = "native/" + triple + '/' + std::string(object_name);
    for (std::size_t i = 0; i < request.file_count; ++i)
      if (path == request.files[i].path) return &request.files[i];
  }
  return nullptr;
}

// The object stays in the process: its functions may be running.
void* load_bytes(const std::string& path, std::span<const std::byte> object) {
  PrivateFolder folder("ferry-c-");
  const auto file = folder.write(std::string(object_name), object);
  std::string reason;
  void* handle = system::open_library(file, reason);
  if (handle != nullptr) return handle;
  if (system::forbids_programs(folder.path()))
    throw Refusal{FERRY_UNAVAILABLE,
                  "got a folder for temporary files that may hold no programs (noexec), expected one that may; "
                  "set TMPDIR to another"};
  throw Refusal{FERRY_FORMAT, path + ": got no object that loads (" + reason + "), expected one; export it again"};
}

template <typename T>
T find_symbol(void* handle, const std::string& path, const char* name) {
  std::string reason;
  void* symbol = system::find_symbol(handle, name, reason);
  if (symbol == nullptr)
    throw Refusal{FERRY_FORMAT, path + ": got no object of a model (no " + name + "), expected one; export it again"};
  return reinterpret_cast<T>(symbol);
}

// The object of these sources, built once per process.
const std::vector<std::byte>& built_object(const Files& files) {
  static std::mutex mutex;
  static auto& built = *new std::map<std::string, std::vector<std::byte>>;
  const std::scoped_lock lock(mutex);
  auto found = built.find(files.digest);
  if (found == built.end()) found = built.emplace(files.digest, build(files.sources, files.digest, engines::triples()[0])).first;
  return found->second;
}

Library load(const Files& files, const ferry_artifact_file* object) {
  const auto path = object == nullptr ? files.sources[0].path + ", compiled" : std::string(object->path);
  void* handle = load_bytes(path, object == nullptr ? std::span(built_object(files)) : bytes_of(*object));
  if (files.digest != find_symbol<const char*>(handle, path, "ferrySources"))
    throw Refusal{FERRY_FORMAT,
                  path + ": got an object built from other C files than the bundle's, expected these; export it again"};
  Library library{.path = path,
                  .run = find_symbol<Run>(handle, path, "ferryRun"),
                  .input_table = find_symbol<const std::size_t*>(handle, path, "ferryInput"),
                  .output_table = find_symbol<const std::size_t*>(handle, path, "ferryOutput")};
  require_passed(path, find_symbol<int (*)()>(handle, path, "ferrySelftest")());
  return library;
}

}  // namespace

const Library& load_once(const ferry_open_request& request) {
  static std::mutex mutex;
  static auto& loaded = *new std::map<std::string, Library>;  // lives as long as the objects
  const auto files = sources_of(request);
  const auto* object = find_object(request);
  const auto key = files.digest + (object == nullptr ? "" : object->sha256) + files.weights;
  const std::scoped_lock lock(mutex);
  auto found = loaded.find(key);
  if (found == loaded.end()) {
    require_own_weights(request);
    found = loaded.emplace(key, load(files, object)).first;
  }
  return found->second;
}

void prepare(const ferry_open_request& request) {
  const auto files = sources_of(request);
  if (find_object(request) != nullptr) return;
  require_own_weights(request);  // before a compiler says less of the same
  static_cast<void>(built_object(files));
}

}  // namespace ferry::c

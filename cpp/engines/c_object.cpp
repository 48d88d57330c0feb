#include "c_object.hpp"

#include <dlfcn.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <map>
#include <mutex>
#include <new>
#include <span>
#include <string_view>
#include <vector>

#include "c_build.hpp"
#include "ferry/engine.hpp"
#include "machine.hpp"
#include "private_folder.hpp"

namespace ferry::c {

namespace {

using engines::bytes_of;
using engines::PrivateFolder;
using engines::Refusal;

constexpr int passed = -1;  // what a model's self-test returns besides the index of a wrong sample
constexpr int not_strict = -2;

struct Files {
  std::vector<Source> sources;
  std::string digest;  // the SHA-256 of each source
  const ferry_artifact_file* object = nullptr;
};

bool is_source(std::string_view path) {
  return (path.ends_with(".c") || path.ends_with(".h")) && path.find('/') == std::string_view::npos;
}

// The bundle's object for the strongest kind of machine that this one is; null where it has none.
const ferry_artifact_file* find_object(const ferry_open_request& request) {
  for (const auto& triple : engines::triples()) {
    const auto path = "native/" + triple + '/' + std::string(object_name);
    for (std::size_t i = 0; i < request.file_count; ++i)
      if (path == request.files[i].path) return &request.files[i];
  }
  return nullptr;
}

Files sort_files(const ferry_open_request& request) {
  Files files{.sources = {}, .digest = {}, .object = find_object(request)};
  for (std::size_t i = 0; i < request.file_count; ++i) {
    if (!is_source(request.files[i].path)) continue;
    files.sources.push_back({request.files[i].path, bytes_of(request.files[i])});
    files.digest += (files.digest.empty() ? "" : ",") + std::string(request.files[i].sha256);
  }
  if (files.sources.empty())
    throw Refusal{FERRY_FORMAT,
                  std::string(request.files[0].path) + ": got no C file in the artifact, expected one; export it again"};
  return files;
}

bool forbids_programs(const std::string& folder) {
  struct statvfs found{};
  return ::statvfs(folder.c_str(), &found) == 0 && (found.f_flag & ST_NOEXEC) != 0;
}

// The object stays in the process: its functions may be running.
void* load_bytes(const std::string& path, std::span<const std::byte> object) {
  PrivateFolder folder("ferry-c-");
  const auto file = folder.write(std::string(object_name), object);
  errno = 0;
  void* handle = ::dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle != nullptr) return handle;
  if (errno == ENOMEM) throw std::bad_alloc();
  if (forbids_programs(folder.path()))
    throw Refusal{FERRY_UNAVAILABLE,
                  "got a folder for temporary files that may hold no programs (noexec), expected one that may; "
                  "set TMPDIR to another"};
  const char* reason = ::dlerror();
  throw Refusal{FERRY_FORMAT, path + ": got no object that loads (" + (reason == nullptr ? "no reason" : reason) +
                                  "), expected one; export it again"};
}

template <typename T>
T find_symbol(void* handle, const std::string& path, const char* name) {
  void* symbol = ::dlsym(handle, name);
  if (symbol == nullptr)
    throw Refusal{FERRY_FORMAT, path + ": got no object of a model (no " + name + "), expected one; export it again"};
  return reinterpret_cast<T>(symbol);
}

void require_passed(const std::string& path, int result) {
  if (result == not_strict)
    throw Refusal{
        FERRY_UNAVAILABLE,
        path +
            ": got arithmetic that is not strict IEEE 754 (flush to zero, another rounding mode), expected the default; "
            "something in this process has changed it"};
  if (result != passed)
    throw Refusal{FERRY_MISMATCH, path + ": self-test: got other bits for sample " + std::to_string(result) +
                                      ", expected those of the export: they are the same on every processor"};
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

Library load(const Files& files) {
  const auto path = files.object == nullptr ? files.sources[0].path + ", compiled" : std::string(files.object->path);
  void* handle = load_bytes(path, files.object == nullptr ? std::span(built_object(files)) : bytes_of(*files.object));
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
  const auto files = sort_files(request);
  const auto key = files.digest + (files.object == nullptr ? "" : files.object->sha256);
  const std::scoped_lock lock(mutex);
  auto found = loaded.find(key);
  if (found == loaded.end()) found = loaded.emplace(key, load(files)).first;
  return found->second;
}

void prepare(const ferry_open_request& request) {
  if (const auto files = sort_files(request); files.object == nullptr) static_cast<void>(built_object(files));
}

}  // namespace ferry::c

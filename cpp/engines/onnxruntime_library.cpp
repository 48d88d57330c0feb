#include "onnxruntime_library.hpp"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "ferry/engine.hpp"

namespace ferry::onnx {

namespace {

namespace fs = std::filesystem;
using engines::Refusal;

constexpr std::string_view recorded_path = FERRY_ONNXRUNTIME_LIBRARY;
constexpr std::string_view origin = "$ORIGIN/";  // the plugin's own folder, in the loader's words
constexpr auto name_beside = "libonnxruntime.so.1";

// What loading came to: the table, or the line that says why there is none.
struct Library {
  const OrtApi* api = nullptr;
  std::string version = "(not found)";
  std::string problem;
};

// The plugin's folder; empty where the loader knows the plugin by no path that begins at the root.
fs::path own_folder() {
  Dl_info info{};
  const bool found = ::dladdr(reinterpret_cast<const void*>(&own_folder), &info) != 0 && info.dli_fname != nullptr;
  const auto path = found ? fs::path(info.dli_fname) : fs::path();
  return path.is_absolute() ? path.parent_path() : fs::path();
}

// The last file, by name, that begins with `path`: the name in a wheel ends in the version. Empty where there is none.
fs::path find_beginning_with(const fs::path& path) {
  fs::path found;
  std::error_code error;
  for (fs::directory_iterator it(path.parent_path(), error), end; !error && it != end; it.increment(error))
    if (it->path().filename().native().starts_with(path.filename().native())) found = std::max(found, it->path());
  return found;
}

// The path that the build recorded, from the root; empty where the plugin's folder is not known.
fs::path recorded_from_root(const fs::path& folder) {
  if (!recorded_path.starts_with(origin)) return recorded_path;
  return folder.empty() ? folder : (folder / recorded_path.substr(origin.size())).lexically_normal();
}

// The library's path; empty where there is none.
fs::path find_library(const fs::path& folder) {
  std::error_code error;
  if (!folder.empty() && fs::exists(folder / name_beside, error)) return folder / name_beside;
  const auto recorded = recorded_from_root(folder);
  if (!recorded.is_absolute()) return {};
  if (recorded_path.starts_with(origin)) return find_beginning_with(recorded);
  return fs::exists(recorded, error) ? recorded : fs::path();
}

std::string_view advice() {
  return recorded_path.starts_with(origin) ? "pip install 'torchferry[onnxruntime]', or copy it beside the plugin"
                                           : "install onnxruntime and build again, or copy it beside the plugin";
}

const OrtApiBase* open_base(const fs::path& path, Library& library) {
  void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  void* symbol = handle == nullptr ? nullptr : ::dlsym(handle, "OrtGetApiBase");
  if (symbol == nullptr) {
    const char* reason = ::dlerror();
    library.problem = path.string() + ": got a file that is no library of ONNX Runtime (" +
                      (reason == nullptr ? "no reason" : reason) + "); install onnxruntime again";
    return nullptr;
  }
  return reinterpret_cast<const OrtApiBase* (*)()>(symbol)();
}

Library load() {
  Library library;
  const auto folder = own_folder();
  const auto path = find_library(folder);
  if (path.empty()) {
    const auto recorded = recorded_path.starts_with(origin) ? recorded_from_root(folder).string() : std::string(recorded_path);
    library.problem = "got no ONNX Runtime at " + (folder / name_beside).string() + " or " + recorded +
                      ", expected its library there; " + std::string(advice());
    return library;
  }
  const auto* base = open_base(path, library);
  if (base == nullptr) return library;
  library.version = base->GetVersionString();
  library.api = base->GetApi(oldest_api_version);
  if (library.api == nullptr)
    library.problem = path.string() + ": got ONNX Runtime " + library.version + ", expected 1." +
                      std::to_string(oldest_api_version) + " or newer; install a newer onnxruntime";
  return library;
}

const Library& library() {
  static const Library found = load();  // stays loaded: its threads and its state live as long as the process
  return found;
}

}  // namespace

const OrtApi& api() {
  const auto& found = library();
  if (found.api == nullptr) throw Refusal{FERRY_UNAVAILABLE, found.problem};
  return *found.api;
}

const std::string& library_version() { return library().version; }

}  // namespace ferry::onnx

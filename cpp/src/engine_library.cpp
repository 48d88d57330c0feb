#include "engine_library.hpp"

#include <algorithm>
#include <cstdlib>
#include <ferry/ferry.hpp>
#include <map>
#include <mutex>
#include <new>
#include <system_error>

#include "engines.hpp"
#include "float_mode.hpp"
#include "library.hpp"
#include "manifest.hpp"
#include "plugin_place.hpp"
#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "libferry_engine_";
using system::plugin_suffix;

// `what` is to be loaded: "engine c".
[[noreturn]] void fail_to_load(std::string_view what, const std::string& problem) {
  throw Error(ErrorCode::unavailable, text::printable(what) + ": " + problem);
}

std::string words_of(std::string_view engine) { return "engine " + std::string(engine); }

[[noreturn]] void fail(std::string_view engine, const std::string& problem) { fail_to_load(words_of(engine), problem); }

// Where no memory is left, nothing is said of the path.
void require_memory(const std::error_code& error) {
  if (error == std::errc::not_enough_memory) throw std::bad_alloc();
}

// A plugin has all rights of this process: neither it nor its folder may be another user's to write.
void check_owners(std::string_view what, const fs::path& plugin) {
  for (const fs::path& path : {plugin, plugin.parent_path()})
    if (system::belongs_to_others(path))
      fail_to_load(what,
                   text::shown(path) +
                       ": got a plugin that another user may write, expected one of yours or root's; change its owner or mode");
}

// Would the loader look for libraries in the working folder?
void check_library_path(std::string_view what) {
  if (const auto problem = system::problem_of_library_path(); !problem.empty()) fail_to_load(what, std::string(problem));
}

void check_engine_folder(std::string_view what, const fs::path& folder) {
  if (folder.is_absolute()) return;
  fail_to_load(what, "FERRY_ENGINE_DIR: got the relative folder " + text::shown(folder) +
                         ", expected an absolute one: plugins would come from the working folder; name it from /");
}

// Empty where no folder has the file; `searched` then names the folders.
fs::path find_file(std::string_view what, const std::string& file, std::string& searched) {
  for (const fs::path& folder : engine_folders()) {
    check_engine_folder(what, folder);
    std::error_code error;
    if (fs::is_regular_file(folder / file, error)) {
      auto found = fs::canonical(folder / file, error);
      require_memory(error);
      return found;
    }
    searched += (searched.empty() ? "" : ", ") + text::shown(folder);
  }
  if (searched.empty()) searched = "any folder (without /proc this program does not know its own)";
  return {};
}

void check_word(std::string_view name) {
  if (!is_word(name)) fail(name, "name: got this, expected a word matching [a-z][a-z0-9_-]{0,31}");
}

struct Engines {
  std::mutex mutex;
  std::map<std::string, const ferry_engine*, std::less<>> opened;
  std::mutex folder_mutex;
  std::vector<fs::path> folders;  // that the program has named
};

// What this process has. The engines that are built in need no plugin.
Engines& engines() {
  static Engines all;
  static const bool once = [] {
    for (const ferry_engine* engine : built_in_engines()) all.opened.emplace(engine->name, engine);
    return true;
  }();
  static_cast<void>(once);
  return all;
}

void check_table(std::string_view name, const std::string& plugin, const ferry_engine* engine) {
  if (engine == nullptr) fail(name, plugin + ": ferry_engine_entry: got null, expected a table; build the plugin again");
  if (engine->abi_version != FERRY_ENGINE_ABI_VERSION) {
    fail(name, plugin + ": abi_version: got " + std::to_string(engine->abi_version) + ", expected " +
                   std::to_string(FERRY_ENGINE_ABI_VERSION) + "; build the plugin with this libferry's engine.h");
  }
  const bool complete = engine->name != nullptr && engine->runtime != nullptr && engine->numerics != nullptr &&
                        engine->open != nullptr && engine->run != nullptr && engine->close != nullptr &&
                        ((engine->flags & FERRY_ENGINE_PREPARES) == 0 || engine->prepare != nullptr) &&
                        ((engine->flags & FERRY_ENGINE_WRITES) == 0 || engine->run_into != nullptr) &&
                        ((engine->flags & FERRY_ENGINE_PROFILES) == 0 || engine->profile != nullptr);
  if (!complete)
    fail(
        name,
        plugin + ": table: got a null entry, expected all but run_direct and what its flags do not name; build the plugin again");
  if (name != engine->name)
    fail(name, plugin + ": name: got " + text::printable(engine->name) + ", expected " + std::string(name));
}

}  // namespace

const ferry_engine& open_plugin(std::string_view name, const fs::path& path) {
  const std::string plugin = text::shown(path);
  const IeeeArithmetic arithmetic;  // a runtime that is built with fast-math changes it where it is loaded
  std::string reason;
  void* library = system::open_library(path, reason);
  if (library == nullptr)
    fail(name, plugin + ": got " + text::printable(reason) + ", expected a plugin that loads; " + FERRY_MISSING_LIBRARY_ADVICE);
  const auto entry = reinterpret_cast<ferry_engine_entry_function>(system::find_symbol(library, "ferry_engine_entry", reason));
  if (entry == nullptr)
    fail(name, plugin + ": got " + text::printable(reason) + ", expected an engine plugin that exports ferry_engine_entry");
  const ferry_engine* engine = entry();
  check_table(name, plugin, engine);
  return *engine;
}

fs::path find_plugin(std::string_view name) {
  check_word(name);
  check_library_path(words_of(name));
  return find_program(name, std::string(prefix) + std::string(name) + std::string(plugin_suffix));
}

fs::path find_program(std::string_view name, const std::string& file) {
  std::string searched;
  fs::path path = find_file(words_of(name), file, searched);
  if (path.empty() && std::find(python_only_engines.begin(), python_only_engines.end(), name) != python_only_engines.end())
    fail(name, "runs in Python only; use ferry for it: ferry verify BUNDLE --engine " + std::string(name));
  if (path.empty())
    fail(name, "plugin: got no " + file + " in " + searched +
                   ", expected it there; build that engine or set FERRY_ENGINE_DIR to its folder");
  check_owners(words_of(name), path);
  return path;
}

void* open_beside(std::string_view what, const std::string& name, const char* symbol) {
  check_library_path(what);
  const std::string file = "lib" + name + std::string(plugin_suffix);
  std::string searched;
  std::string reason;
  const fs::path path = find_file(what, file, searched);
  if (path.empty())
    fail_to_load(what, "got no " + file + " in " + searched + ", expected it there; install it, or build it with ferry-run");
  check_owners(what, path);
  void* library = system::open_library(path, reason);
  void* found = library == nullptr ? nullptr : system::find_symbol(library, symbol, reason);
  if (found == nullptr)
    fail_to_load(what, text::shown(path) + ": got " + text::printable(reason) + ", expected that it loads; build it again");
  return found;
}

std::vector<fs::path> engine_folders() {
  std::vector<fs::path> folders;
  const char* variable = std::getenv("FERRY_ENGINE_DIR");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(system::path_separator));
    if (!folder.empty()) folders.push_back(text::path_of(folder));
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
  }
  const std::scoped_lock lock(engines().folder_mutex);
  folders.insert(folders.end(), engines().folders.begin(), engines().folders.end());
  const fs::path own = system::own_folder();
  if (own.empty()) return folders;
  folders.push_back(own / "ferry");
  folders.push_back((own / FERRY_PLUGINS_FROM_PROGRAM).lexically_normal());
  return folders;
}

std::vector<std::string> installed_engines() {
  std::vector<std::string> names;
  for (const fs::path& folder : engine_folders()) {
    std::error_code error;
    for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
      const std::string file = text::utf8(it->path().filename());
      const bool plugin =
          file.size() > prefix.size() + plugin_suffix.size() && file.starts_with(prefix) && file.ends_with(plugin_suffix);
      if (plugin) names.push_back(file.substr(prefix.size(), file.size() - prefix.size() - plugin_suffix.size()));
    }
    require_memory(error);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

const ferry_engine& load_engine(std::string_view name) {
  const std::scoped_lock lock(engines().mutex);
  auto& opened = engines().opened;
  if (const auto it = opened.find(name); it != opened.end()) return *it->second;
  const ferry_engine& engine = open_plugin(name, find_plugin(name));
  opened.emplace(name, &engine);
  return engine;
}

void register_engine(const ferry_engine& engine) {
  const std::string_view name = engine.abi_version == FERRY_ENGINE_ABI_VERSION && engine.name != nullptr ? engine.name : "";
  check_table(name, "this program's table", &engine);
  check_word(name);
  const std::scoped_lock lock(engines().mutex);
  if (engines().opened.emplace(name, &engine).first->second != &engine)
    throw Error(ErrorCode::usage,
                "engine " + std::string(name) + ": got a second table, expected one a process; register it before it is used");
}

void add_engine_folder(const fs::path& folder) {
  if (!folder.is_absolute())
    throw Error(ErrorCode::usage, text::shown(folder) + ": got a relative folder of engines, expected an absolute one");
  const std::scoped_lock lock(engines().folder_mutex);
  engines().folders.push_back(folder);
}

}  // namespace ferry

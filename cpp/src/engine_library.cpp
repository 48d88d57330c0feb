#include "engine_library.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <ferry/ferry.hpp>
#include <map>
#include <mutex>
#include <new>
#include <system_error>

#include "engines.hpp"
#include "float_mode.hpp"
#include "manifest.hpp"
#include "text.hpp"

namespace ferry {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view prefix = "libferry_engine_";
constexpr std::string_view suffix = ".so";

[[noreturn]] void fail(std::string_view engine, const std::string& problem) {
  throw Error(ErrorCode::unavailable, "engine " + text::printable(engine) + ": " + problem);
}

// Where no memory is left, nothing is said of the path.
void require_memory(const std::error_code& error) {
  if (error == std::errc::not_enough_memory) throw std::bad_alloc();
}

fs::path canonical_path(const fs::path& path) {
  std::error_code error;
  fs::path found = fs::canonical(path, error);
  require_memory(error);
  return found;
}

// The file of this program: without /proc, as in an image that mounts none, the absolute path that it was started by.
fs::path program_file() {
  fs::path file = canonical_path("/proc/self/exe");
  if (!file.empty()) return file;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives every value as an integer
  const auto* started = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return started != nullptr && *started == '/' ? fs::path(started) : fs::path();
}

// The folder of the shared library or program that this code is part of; empty where that cannot be told.
fs::path own_folder() {
  Dl_info info{};
  link_map* map = nullptr;
  const void* here = reinterpret_cast<const void*>(&own_folder);
  const bool found = ::dladdr1(here, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP) != 0 && map != nullptr;
  // The program itself has an empty name there, and argv[0] need not be a path.
  const bool program = !found || map->l_name == nullptr || *map->l_name == '\0';
  return canonical_path(program ? program_file() : fs::path(map->l_name)).parent_path();
}

// May somebody else than the user, root and the owner of this library replace what lies at `path`?
bool belongs_to_others(const fs::path& path, ::uid_t installer) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return true;
  const auto is_owned = status.st_uid == 0 || status.st_uid == ::geteuid() || status.st_uid == installer;
  const auto is_private_group = status.st_gid == ::getegid() && ::getegid() == ::geteuid();  // one group a user, umask 002
  const auto open = S_IWOTH | (is_private_group ? 0U : S_IWGRP);
  return !is_owned || ((status.st_mode & open) != 0);
}

// A plugin has all rights of this process: neither it nor its folder may be another user's to write.
void check_owners(std::string_view name, const fs::path& plugin) {
  struct stat own{};
  const auto installer = ::stat(own_folder().c_str(), &own) == 0 ? own.st_uid : ::geteuid();
  for (const fs::path& path : {plugin, plugin.parent_path()})
    if (belongs_to_others(path, installer))
      fail(name, text::printable(path.native()) +
                     ": got a plugin that another user may write, expected one of yours or root's; change its owner or mode");
}

// Would the loader look for libraries in the working folder? It takes empty and relative elements of the variable for that.
void check_library_path(std::string_view name) {
  const char* variable = std::getenv("LD_LIBRARY_PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  for (bool more = !rest.empty(); more;) {
    const auto stop = rest.find_first_of(":;");
    if (!rest.substr(0, stop).starts_with('/'))
      fail(name,
           "LD_LIBRARY_PATH: got an empty or relative folder, expected absolute ones: libraries would come from the working "
           "folder; unset it");
    more = stop != std::string_view::npos;
    rest.remove_prefix(more ? stop + 1 : rest.size());
  }
}

void check_engine_folder(std::string_view name, const fs::path& folder) {
  if (folder.is_absolute()) return;
  fail(name, "FERRY_ENGINE_DIR: got the relative folder " + text::printable(folder.native()) +
                 ", expected an absolute one: plugins would come from the working folder; name it from /");
}

fs::path find_file(std::string_view name, const std::string& file) {
  std::string searched;
  for (const fs::path& folder : engine_folders()) {
    check_engine_folder(name, folder);
    std::error_code error;
    if (fs::is_regular_file(folder / file, error)) return canonical_path(folder / file);
    searched += (searched.empty() ? "" : ", ") + text::printable(folder.native());
  }
  if (std::ranges::find(python_only_engines, name) != python_only_engines.end())
    fail(name, "runs in Python only; use ferry for it: ferry verify BUNDLE --engine " + std::string(name));
  if (searched.empty()) searched = "any folder (without /proc this program does not know its own)";
  fail(name, "plugin: got no " + file + " in " + searched +
                 ", expected it there; build that engine or set FERRY_ENGINE_DIR to its folder");
}

void check_word(std::string_view name) {
  if (!is_word(name)) fail(name, "name: got this, expected a word matching [a-z][a-z0-9_-]{0,31}");
}

std::string last_dl_error() {
  const char* reason = ::dlerror();
  return text::printable(reason == nullptr ? "an unknown reason" : reason);
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
                        ((engine->flags & FERRY_ENGINE_WRITES) == 0 || engine->run_into != nullptr);
  if (!complete)
    fail(
        name,
        plugin + ": table: got a null entry, expected all but run_direct and what its flags do not name; build the plugin again");
  if (name != engine->name)
    fail(name, plugin + ": name: got " + text::printable(engine->name) + ", expected " + std::string(name));
}

}  // namespace

const ferry_engine& open_plugin(std::string_view name, const fs::path& path) {
  const std::string plugin = text::printable(path.native());
  const IeeeArithmetic arithmetic;  // a runtime that is built with fast-math changes it where it is loaded
  errno = 0;
  void* library = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (library == nullptr && errno == ENOMEM) throw std::bad_alloc();
  if (library == nullptr)
    fail(name, plugin + ": got " + last_dl_error() + ", expected a plugin that loads; " + FERRY_MISSING_LIBRARY_ADVICE);
  const auto entry = reinterpret_cast<ferry_engine_entry_function>(::dlsym(library, "ferry_engine_entry"));
  if (entry == nullptr)
    fail(name, plugin + ": got " + last_dl_error() + ", expected an engine plugin that exports ferry_engine_entry");
  const ferry_engine* engine = entry();
  check_table(name, plugin, engine);
  return *engine;
}

fs::path find_plugin(std::string_view name) {
  check_word(name);
  check_library_path(name);
  return find_program(name, std::string(prefix) + std::string(name) + std::string(suffix));
}

fs::path find_program(std::string_view name, const std::string& file) {
  fs::path path = find_file(name, file);
  check_owners(name, path);
  return path;
}

std::vector<fs::path> engine_folders() {
  std::vector<fs::path> folders;
  const char* variable = std::getenv("FERRY_ENGINE_DIR");
  std::string_view rest = variable == nullptr ? "" : variable;
  while (!rest.empty()) {
    const std::string_view folder = rest.substr(0, rest.find(':'));
    if (!folder.empty()) folders.emplace_back(folder);
    rest.remove_prefix(std::min(rest.size(), folder.size() + 1));
  }
  const fs::path own = own_folder();
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
      const std::string file = it->path().filename().native();
      const bool plugin = file.size() > prefix.size() + suffix.size() && file.starts_with(prefix) && file.ends_with(suffix);
      if (plugin) names.push_back(file.substr(prefix.size(), file.size() - prefix.size() - suffix.size()));
    }
    require_memory(error);
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  return names;
}

const ferry_engine& load_engine(std::string_view name) {
  static std::mutex mutex;
  static std::map<std::string, const ferry_engine*, std::less<>> loaded;
  const std::scoped_lock lock(mutex);
  if (const auto it = loaded.find(name); it != loaded.end()) return *it->second;
  const fs::path path = find_plugin(name);
  const ferry_engine& engine = open_plugin(name, path);
  loaded.emplace(name, &engine);
  return engine;
}

}  // namespace ferry

#include "plugin_place.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <unistd.h>

#ifdef __linux__
#include <sys/auxv.h>
#endif

#include <cstdlib>
#include <new>
#include <string_view>
#include <system_error>

namespace ferry::system {

namespace fs = std::filesystem;

namespace {

fs::path canonical_path(const fs::path& path) {
  std::error_code error;
  fs::path found = fs::canonical(path, error);
  if (error == std::errc::not_enough_memory) throw std::bad_alloc();
  return found;
}

#ifdef __linux__

// The file of this program: without /proc, as in an image that mounts none, the absolute path that it was started by.
fs::path program_file() {
  fs::path file = canonical_path("/proc/self/exe");
  if (!file.empty()) return file;
  // NOLINTNEXTLINE(performance-no-int-to-ptr): the kernel gives every value as an integer
  const auto* started = reinterpret_cast<const char*>(::getauxval(AT_EXECFN));
  return started != nullptr && *started == '/' ? fs::path(started) : fs::path();
}

// Whether `found` is the program itself, whose name there is what it was started by, and need not be a path.
bool is_program(const ::Dl_info& found) {
  ::Dl_info program{};
  // NOLINTNEXTLINE(performance-no-int-to-ptr)
  const auto* headers = reinterpret_cast<const void*>(::getauxval(AT_PHDR));
  return headers == nullptr || ::dladdr(headers, &program) == 0 || program.dli_fbase == found.dli_fbase;
}

#else

fs::path program_file() { return {}; }
bool is_program(const ::Dl_info& /*found*/) { return false; }  // the loader gives the path of a program too

#endif

}  // namespace

fs::path own_folder() {
  ::Dl_info info{};
  const void* here = reinterpret_cast<const void*>(&own_folder);
  const bool is_known = ::dladdr(here, &info) != 0 && info.dli_fname != nullptr && !is_program(info);
  return canonical_path(is_known ? fs::path(info.dli_fname) : program_file()).parent_path();
}

bool belongs_to_others(const fs::path& path) {
  struct stat own{};
  const auto installer = ::stat(own_folder().c_str(), &own) == 0 ? own.st_uid : ::geteuid();
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return true;
  const auto is_owned = status.st_uid == 0 || status.st_uid == ::geteuid() || status.st_uid == installer;
  const auto is_private_group = status.st_gid == ::getegid() && ::getegid() == ::geteuid();  // one group a user, umask 002
  const ::mode_t open = is_private_group ? S_IWOTH : S_IWOTH | S_IWGRP;
  return !is_owned || ((status.st_mode & open) != 0);
}

std::string_view problem_of_library_path() {
  const char* variable = std::getenv("LD_LIBRARY_PATH");
  std::string_view rest = variable == nullptr ? "" : variable;
  for (bool more = !rest.empty(); more;) {
    const auto stop = rest.find_first_of(":;");
    if (!rest.substr(0, stop).starts_with('/'))
      return "LD_LIBRARY_PATH: got an empty or relative folder, expected absolute ones: libraries would come from the working "
             "folder; unset it";
    more = stop != std::string_view::npos;
    rest.remove_prefix(more ? stop + 1 : rest.size());
  }
  return {};
}

}  // namespace ferry::system

#include "c_build.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "ferry/engine.hpp"
#include "private_folder.hpp"

extern "C" char** environ;  // NOLINT(*-redundant-declaration): POSIX has it in no header, glibc in one

namespace ferry::c {

namespace {

namespace fs = std::filesystem;
using engines::PrivateFolder;
using engines::Refusal;
using Words = std::vector<std::string>;

// What every model includes: a compiler that cannot build this is no C compiler for this machine.
constexpr std::string_view probe =
    "#include <float.h>\n#include <stddef.h>\n#include <stdint.h>\n"
    "extern const size_t ferryProbe;\nconst size_t ferryProbe = 1;\n";

// ---- the compiler -------------------------------------------------------------------------------------------------------

bool is_program(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error) && ::access(path.c_str(), X_OK) == 0;
}

bool is_found(const std::string& program) {
  if (program.find('/') != std::string::npos) return is_program(program);
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable == nullptr ? "/usr/bin:/bin" : variable);
  for (std::string folder; std::getline(folders, folder, ':');)
    if (is_program(fs::path(folder) / program)) return true;
  return false;
}

// The C compiler's command: CC where it is set, else cc, gcc or clang; empty where there is none.
Words find_compiler() {
  const char* variable = std::getenv("CC");
  std::istringstream text(variable == nullptr ? "" : variable);
  const Words wanted{std::istream_iterator<std::string>(text), {}};
  const std::vector<Words> candidates =
      wanted.empty() ? std::vector<Words>{{"cc"}, {"gcc"}, {"clang"}} : std::vector<Words>{wanted};
  const auto found = std::find_if(candidates.begin(), candidates.end(), [](const Words& words) { return is_found(words[0]); });
  return found == candidates.end() ? Words{} : *found;
}

// The command without its sources. Contraction is off in the source too; visibility: only what engine.c shows to a session.
Words command_for(Words compiler, const std::string& triple) {
  Words command = std::move(compiler);
  for (const char* option : {"-std=c99", "-O3", "-ffp-contract=off", "-fPIC", "-shared", "-fvisibility=hidden", "-s"})
    command.emplace_back(option);
  constexpr std::string_view levelled = "x86_64_";
  const auto machine = triple.substr(0, triple.find('-'));
  if (machine.starts_with(levelled)) command.push_back("-march=x86-64-" + machine.substr(levelled.size()));
  return command;
}

// ---- one run of it ------------------------------------------------------------------------------------------------------

// A host program may ignore SIGCHLD. A compiler that inherited that could not wait for its own parts. What this thread holds
// back ends the compiler at once.
class DefaultSignals {
 public:
  explicit DefaultSignals(const sigset_t& mask) noexcept {
    sigset_t signals;
    ::sigemptyset(&signals);
    ::sigaddset(&signals, SIGCHLD);
    ::posix_spawnattr_init(&attributes_);
    ::posix_spawnattr_setsigdefault(&attributes_, &signals);
    ::posix_spawnattr_setsigmask(&attributes_, &mask);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK);
  }
  DefaultSignals(const DefaultSignals&) = delete;
  DefaultSignals& operator=(const DefaultSignals&) = delete;
  ~DefaultSignals() { ::posix_spawnattr_destroy(&attributes_); }

  [[nodiscard]] const posix_spawnattr_t* get() const noexcept { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

// Runs a program without input and with this signal mask; what it says goes to the file `log`. False where it is known to have
// failed.
bool run(const Words& command, const std::string& log, const sigset_t& mask) {
  std::vector<char*> arguments;
  for (const auto& word : command)
    arguments.push_back(const_cast<char*>(word.c_str()));  // NOLINT(*-const-cast): POSIX's signature
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, log.c_str(), O_WRONLY | O_CREAT, 0600);
  pid_t child = 0;
  const DefaultSignals signals(mask);
  const int failure = ::posix_spawnp(&child, arguments[0], &actions, signals.get(), arguments.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failure != 0) return false;
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno == ECHILD) return true;  // the host program ignores SIGCHLD, and nobody gets the status: the object speaks
    if (errno != EINTR) return false;
  }
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

std::string without(std::string text, const std::string& part) {
  for (auto at = text.find(part); at != std::string::npos; at = text.find(part, at)) text.erase(at, part.size());
  return text;
}

// The first line that names an error.
std::string read_complaint(const PrivateFolder& folder, const std::string& log) {
  constexpr std::size_t longest = 300;
  std::ifstream stream(log);
  std::string first;
  for (std::string line; std::getline(stream, line);) {
    line = without(line, folder.path() + '/').substr(0, longest);
    if (line.find("error") != std::string::npos) return line;
    if (first.empty()) first = line;
  }
  return first.empty() ? "it says nothing" : first;
}

struct Result {
  std::optional<std::vector<std::byte>> object;
  std::string problem;
};

Result compile(Words command, const std::vector<Source>& sources) {
  PrivateFolder folder("ferry-c-");
  Words paths;
  for (const auto& source : sources) paths.push_back(folder.write(source.path, source.data));
  const auto object = folder.path_of(std::string(object_name));
  const auto log = folder.path_of("log");
  command.insert(command.end(), {paths[0], "-o", object});
  if (!run(command, log, folder.signals().before())) return {std::nullopt, read_complaint(folder, log)};
  std::ifstream stream(object, std::ios::binary);
  const std::string content{std::istreambuf_iterator<char>(stream), {}};
  const auto bytes = std::as_bytes(std::span(content));
  if (bytes.empty()) return {std::nullopt, read_complaint(folder, log)};
  return {std::vector<std::byte>(bytes.begin(), bytes.end()), ""};
}

}  // namespace

std::vector<std::byte> build(const std::vector<Source>& sources, const std::string& digest, const std::string& triple) {
  const auto compiler = find_compiler();
  if (compiler.empty())
    throw Refusal{FERRY_UNAVAILABLE, "got no object for " + triple +
                                         " in the bundle and no C compiler to build one, expected either; install gcc or clang, "
                                         "set CC, or export the bundle on such a machine"};
  const auto command = command_for(compiler, triple);
  auto with_digest = command;
  with_digest.push_back("-DFERRY_SOURCES=\"" + digest + '"');
  auto built = compile(std::move(with_digest), sources);
  if (built.object) return std::move(*built.object);
  if (!compile(command, {{"probe.c", std::as_bytes(std::span(probe))}}).object)
    throw Refusal{FERRY_UNAVAILABLE, "got a C compiler, " + compiler[0] + ", that builds nothing here (" + built.problem +
                                         "), expected one that works; set CC to another"};
  throw Refusal{FERRY_FORMAT, sources[0].path + ": got C that " + compiler[0] + " cannot compile: " + built.problem +
                                  "; export the bundle again"};
}

}  // namespace ferry::c

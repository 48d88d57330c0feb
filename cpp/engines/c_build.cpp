#include "c_build.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "ferry/engine.hpp"
#include "library.hpp"
#include "machine.hpp"
#include "private_folder.hpp"
#include "program.hpp"

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

bool is_found(const std::string& program) {
  if (fs::path(program).has_parent_path()) return system::is_program(program);
  const char* variable = std::getenv("PATH");
  std::istringstream folders(variable == nullptr ? system::default_path : variable);
  for (std::string folder; std::getline(folders, folder, system::path_separator);)
    if (system::is_program(fs::path(folder) / program)) return true;
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
  if (!machine.starts_with(levelled)) return command;
  const auto level = machine.substr(levelled.size());
  command.push_back("-march=x86-64-" + level.substr(0, level.find(engines::vnni)));
  if (level.ends_with(engines::vnni)) command.emplace_back("-mavx512vnni");
  return command;
}

// ---- one run of it ------------------------------------------------------------------------------------------------------

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
  if (!system::run_program(command, log, folder.signals())) return {std::nullopt, read_complaint(folder, log)};
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

// Other programs. cpp/posix/program.hpp is its twin.
#pragma once

#include <fcntl.h>
#include <io.h>
#include <process.h>
#include <sys/stat.h>

#include <cstdint>
#include <filesystem>
#include <mutex>
#include <string>
#include <system_error>
#include <vector>

#include "held_signals.hpp"

namespace ferry::system {

inline constexpr auto default_path = "";

[[nodiscard]] inline bool is_program(const std::filesystem::path& path) {
  std::error_code error;
  auto with_ending = path;
  return std::filesystem::is_regular_file(path, error) || std::filesystem::is_regular_file(with_ending += ".exe", error);
}

// A word as the C library of the program that is started takes it apart again.
[[nodiscard]] inline std::string quoted_word(const std::string& word) {
  std::string quoted = "\"";
  std::size_t slashes = 0;
  for (const char c : word) {
    if (c == '"') quoted.append(slashes + 1, '\\');
    slashes = c == '\\' ? slashes + 1 : 0;
    quoted.push_back(c);
  }
  return quoted.append(slashes, '\\') + '"';
}

// Runs a program without input; what it says goes to the file `log`. False where it failed.
[[nodiscard]] inline bool run_program(const std::vector<std::string>& words, const std::string& log,
                                      const HeldSignals& /*held*/) {
  static std::mutex mutex;  // the standard streams are the process's
  const std::scoped_lock lock(mutex);
  std::vector<std::string> quoted;
  for (const auto& word : words) quoted.push_back(quoted_word(word));
  std::vector<const char*> arguments;
  for (const auto& word : quoted) arguments.push_back(word.c_str());
  arguments.push_back(nullptr);
  const int said = ::_open(log.c_str(), _O_WRONLY | _O_CREAT, _S_IREAD | _S_IWRITE);
  const int before = ::_dup(2);
  if (said < 0 || before < 0 || ::_dup2(said, 2) != 0) return false;
  const auto status = ::_spawnvp(_P_WAIT, words[0].c_str(), arguments.data());
  ::_dup2(before, 2);
  ::_close(before);
  ::_close(said);
  return status == 0;
}

}  // namespace ferry::system

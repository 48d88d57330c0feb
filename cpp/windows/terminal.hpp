// What a program does at its start and its end. cpp/posix/terminal.hpp is its twin.
#pragma once

#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <shellapi.h>

#include <csignal>
#include <string>
#include <vector>

namespace ferry::system {

[[nodiscard]] inline std::string utf8(const wchar_t* text) {
  const int bytes = ::WideCharToMultiByte(CP_UTF8, 0, text, -1, nullptr, 0, nullptr, nullptr);
  std::string converted(static_cast<std::size_t>(bytes), '\0');
  ::WideCharToMultiByte(CP_UTF8, 0, text, -1, converted.data(), bytes, nullptr, nullptr);
  converted.resize(converted.empty() ? 0 : converted.size() - 1);  // without the NUL
  return converted;
}

// The words of the command line as UTF-8: those of `main` are of the system's code page.
[[nodiscard]] inline std::vector<std::string> command_line(int count, char** words) {
  int found = 0;
  wchar_t** wide = ::CommandLineToArgvW(::GetCommandLineW(), &found);
  if (wide == nullptr) return {words, words + count};
  std::vector<std::string> converted;
  for (int i = 0; i < found; ++i) converted.push_back(utf8(wide[i]));
  ::LocalFree(reinterpret_cast<HLOCAL>(wide));
  return converted;
}

// Bytes go in and out as they are, and a console shows UTF-8.
inline void prepare_standard_streams() noexcept {
  for (const int descriptor : {0, 1, 2}) ::_setmode(descriptor, _O_BINARY);
  ::SetConsoleOutputCP(CP_UTF8);
}

inline void ignore_failing_writes() noexcept {}  // they are errors of `write` already

// Calls `handler` once when a signal would end the process.
inline void call_at_ending_signals(void (*handler)(int)) noexcept {
  for (const int signal : {SIGINT, SIGTERM, SIGBREAK}) {
    const auto before = std::signal(signal, handler);
    if (before != SIG_DFL && before != handler) std::signal(signal, before);
  }
}

}  // namespace ferry::system

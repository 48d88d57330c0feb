// The child process that a cell is: started from the program ferry-cell, killed at the end.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "file.hpp"

namespace ferry::isolation {

// What ferry-cell is started with. It finds the socket and the page at these descriptors.
inline constexpr int socket_descriptor = 3;
inline constexpr int page_descriptor = 4;

// The exit code of a cell whose runtime could not bear a lack of memory.
inline constexpr int out_of_memory = 6;

inline constexpr auto overrun = "got more processor time than the model may use";

class CellProcess {
 public:
  // `arguments` follow the program's name. Throws Error(io | unavailable).
  CellProcess(const std::filesystem::path& program, const std::vector<std::string>& arguments, const File& socket,
              const File& page);
  CellProcess(const CellProcess&) = delete;
  CellProcess& operator=(const CellProcess&) = delete;
  ~CellProcess();

  // Has it ended? Then `ending` says how. Does not wait.
  [[nodiscard]] bool has_ended() noexcept;
  [[nodiscard]] std::string ending() const;
  // Did it end for lack of memory, as it says itself?
  [[nodiscard]] bool lacked_memory() const noexcept;
  void kill() noexcept;

  // Lets it use that much more processor time than it has used so far.
  void allow_processor_seconds(std::uint64_t seconds) const noexcept;
  // Has it come within the last second of that time, or behind it because it is deaf to the kernel's signal?
  [[nodiscard]] bool has_overrun() const noexcept;

 private:
  bool reap(int options) noexcept;

  ::pid_t process_ = -1;
  File handle_;  // of the process: its number may be another's once somebody else has waited for it
  bool ended_ = false;
  bool is_known_ = true;  // has this process seen how the child ended?
  int status_ = 0;
};

}  // namespace ferry::isolation

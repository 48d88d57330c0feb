// What the host and its cell share: one page that says whose turn it is, and an arena of tensors. Neither trusts a wait to end.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include "file.hpp"

namespace ferry::isolation {

enum class Party : std::uint32_t { host = 0, cell = 1 };

enum class Command : std::uint32_t { hello, open, run, run_direct, map };
enum class Reply : std::uint32_t { done, grow };

// Lies in shared memory. Only the party whose turn it is writes; the other may be hostile, so each reads a field once.
struct Control {
  std::atomic<std::uint32_t> turn;                     // a Party
  std::array<std::atomic<std::uint32_t>, 2> sleeping;  // is that party in the kernel, to be woken?
  std::array<std::atomic<std::uint32_t>, 2> place;     // that party's processor when it last took its turn, and `untaken`
  Command command;
  Reply reply;
  std::int32_t code;
  std::uint32_t flags;
  std::uint32_t has_direct;
  std::uint64_t tensors;  // how many
  std::uint64_t start;    // where in the arena they begin
  std::uint64_t stop;     // and end
  std::uint64_t bytes;    // of the memory that comes with the command or is asked for
  std::uint64_t calls;
  std::array<char, 4096> scratch;  // the folder where an engine of machine code may keep files while it opens a model, or nothing
  std::array<char, 1024> error;
  std::array<char, 256> runtime;
  std::array<char, 1024> numerics;
};
static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

// A text that the other party has written.
[[nodiscard]] std::string text_of(std::span<const char> field);
void set_text(std::span<char> field, std::string_view text) noexcept;

// Memory that two processes see, unmapped at the end.
class Mapping {
 public:
  Mapping() = default;
  // Throws Error(io).
  Mapping(int descriptor, std::size_t bytes, bool writable);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping();

  [[nodiscard]] std::span<std::byte> bytes() const noexcept { return bytes_; }

 private:
  std::span<std::byte> bytes_;
};

// A nameless file in memory whose size can never change: a cell that cut it would crash the host. Throws Error(io).
[[nodiscard]] File shared_memory(std::size_t bytes);

// Learns how long a party waits for its turn, so that it is awake when the turn comes.
class Rhythm {
 public:
  void learn(std::chrono::nanoseconds waited) noexcept;
  [[nodiscard]] std::chrono::nanoseconds expected() const noexcept { return expected_; }

 private:
  std::chrono::nanoseconds expected_{0};
};

// Gives the other party its turn.
void hand_over(Control& control, Party to) noexcept;

// Waits for the turn of `me`: awake, for at most 200 microseconds and a sixteenth of the expected time, around the moment when
// `rhythm` expects the turn; before and after that in the kernel. It stays awake only while the other party runs on another
// processor. False as soon as `give_up`, which is asked about every 20 milliseconds, says so.
[[nodiscard]] bool await_turn(Control& control, Party me, Rhythm& rhythm, const std::function<bool()>& give_up);

// Passes a descriptor through a socket. `receive` throws Error(io) where none comes.
[[nodiscard]] bool send_descriptor(int socket, int descriptor) noexcept;
[[nodiscard]] File receive_descriptor(int socket);

}  // namespace ferry::isolation

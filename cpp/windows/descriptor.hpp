// Open files as the C library numbers them. cpp/posix/descriptor.hpp is its twin. What fails says why in errno.
//
// Every file is read and written as it is: no line end is changed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>

namespace ferry::system {

inline constexpr int standard_input = 0;
inline constexpr int standard_output = 1;
inline constexpr int standard_error = 2;

// Each returns the descriptor, or -1.
[[nodiscard]] int open_to_read(const std::filesystem::path& path);
[[nodiscard]] int open_at_once(const std::filesystem::path& path);
[[nodiscard]] int open_to_write(const std::filesystem::path& path);
[[nodiscard]] int create(const std::filesystem::path& path);

// Each returns how many bytes, 0 at the end, or -1.
[[nodiscard]] std::ptrdiff_t read(int descriptor, void* to, std::size_t bytes);
[[nodiscard]] std::ptrdiff_t write(int descriptor, const void* from, std::size_t bytes);
// The same at a place; where `read` and `write` go on stays.
[[nodiscard]] std::ptrdiff_t read_at(int descriptor, void* to, std::size_t bytes, std::uint64_t offset);
[[nodiscard]] std::ptrdiff_t write_at(int descriptor, const void* from, std::size_t bytes, std::uint64_t offset);

// Where `read` goes on; -1 for a pipe.
[[nodiscard]] std::int64_t position(int descriptor);

struct Status {
  bool is_known = false;
  bool is_regular = false;
  bool is_writable_by_others = false;  // never: a mapping is a copy there
  std::uint64_t bytes = 0;
};
[[nodiscard]] Status status(int descriptor);

[[nodiscard]] bool is_terminal(int descriptor);
// 0 where it succeeds.
int close(int descriptor);

}  // namespace ferry::system

// Files as descriptors that close themselves. Every failure is Error(io) with the name and the system's reason.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>

namespace ferry {

class File {
 public:
  // Opens for reading; waits for a writer where `path` is a FIFO. Throws Error(io).
  [[nodiscard]] static File open(const std::filesystem::path& path);
  // The same without waiting for whoever writes into a FIFO; messages say what was `expected`.
  [[nodiscard]] static File open_at_once(const std::filesystem::path& path, const std::string& expected);
  // Creates or truncates for writing. Throws Error(io).
  [[nodiscard]] static File create(const std::filesystem::path& path);
  // Takes an open descriptor, which is closed at the end if `owned` (stdin and stdout are not). `name` stands in messages.
  File(int descriptor, std::string name, bool owned = true) noexcept;

  File(File&& other) noexcept;
  File& operator=(File&& other) noexcept;
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File();

  [[nodiscard]] int descriptor() const noexcept { return descriptor_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] bool is_regular() const;
  [[nodiscard]] std::uint64_t size() const;  // bytes; of a regular file

  // Fills `buffer` as far as there are bytes; less than its size means the end was reached.
  [[nodiscard]] std::size_t read(std::span<std::byte> buffer);
  // What is there now, at least a byte and at most the buffer's size; 0 at the end. It waits for a pipe's next bytes only.
  [[nodiscard]] std::size_t read_some(std::span<std::byte> buffer);
  // As `read`, from `offset`; the place where `read` goes on stays. Many threads may call it at once.
  [[nodiscard]] std::size_t read_at(std::uint64_t offset, std::span<std::byte> buffer) const;
  void write(std::span<const std::byte> bytes);
  void write_at(std::uint64_t offset, std::span<const std::byte> bytes);
  // Closes and reports what only closing finds out (a full network disk, say); the destructor cannot.
  void close();

 private:
  int descriptor_ = -1;
  bool owned_ = true;
  std::string name_;
};

// The error of the system call that has just failed (errno): "<name>: got <reason>, expected <expected>". Throws Error(io).
[[noreturn]] void throw_io(const std::string& name, const std::string& expected);

}  // namespace ferry

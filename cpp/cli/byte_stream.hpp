// A user's input file, stdin or a part of either as a stream of bytes that can be looked at before it is read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "file.hpp"

namespace ferry::cli {

class ByteStream {
 public:
  // `-` is stdin; pipes and /dev/fd/N are waited for. Throws Error(io).
  [[nodiscard]] static ByteStream open(const std::string& path);
  explicit ByteStream(File file) : name_(file.name()), file_(std::move(file)) {}
  // Bytes in memory; `name` stands in messages.
  ByteStream(std::string name, std::vector<std::byte> bytes) : name_(std::move(name)), buffer_(std::move(bytes)) {}

  [[nodiscard]] const std::string& name() const noexcept { return name_; }

  // How many bytes are left in a regular file or in memory; nothing is known of a pipe.
  [[nodiscard]] std::optional<std::uint64_t> bytes_left() const;
  // The next bytes without taking them: `count`, or fewer at the end.
  [[nodiscard]] std::span<const std::byte> peek(std::size_t count);
  // Fills the buffer; less than its size means the end.
  [[nodiscard]] std::size_t read(std::span<std::byte> buffer);
  // The next line without its "\n" or "\r\n"; false at the end. Throws Error(bad_input) where it is longer than `limit`.
  [[nodiscard]] bool read_line(std::string& line, std::size_t limit);
  // Had the last line that was read no line end?
  [[nodiscard]] bool last_line_is_open() const noexcept { return last_line_is_open_; }
  // The rest, which is then gone from here. Throws Error(bad_input) where it is longer than `limit`.
  [[nodiscard]] std::vector<std::byte> read_all(std::size_t limit);

 private:
  // How many bytes lie in front of the next newline; without one, how many were looked at, which is more than `limit` or all.
  struct Found {
    std::size_t size;
    bool has_newline;
  };
  [[nodiscard]] Found find_newline(std::size_t limit);
  bool refill();  // false at the end

  [[nodiscard]] std::size_t read_file(std::span<std::byte> buffer) { return file_ ? file_->read(buffer) : 0; }

  std::string name_;
  std::optional<File> file_;  // none: everything is in buffer_
  std::vector<std::byte> buffer_;
  std::size_t position_ = 0;  // of the next byte in buffer_
  bool last_line_is_open_ = false;
};

}  // namespace ferry::cli

#include "byte_stream.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <utility>

#include "descriptor.hpp"
#include "ferry/ferry.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

constexpr std::size_t chunk_size = std::size_t{1} << 16U;

[[noreturn]] void throw_too_long(const std::string& name, const std::string& what, std::size_t limit) {
  throw Error(ErrorCode::bad_input, name + ": " + what + ": got more than " + std::to_string(limit) +
                                        " bytes, expected fewer; is this the right file?");
}

}  // namespace

ByteStream ByteStream::open(const std::string& path) {
  if (path == "-") return ByteStream(File(system::standard_input, "stdin", false));
  return ByteStream(File::open(text::path_of(path)));
}

bool ByteStream::refill() {
  std::array<std::byte, chunk_size> chunk{};
  const auto count = file_ ? file_->read_some(chunk) : 0;  // a line of a pipe is not held up by the next ones
  if (position_ != 0) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
    position_ = 0;
  }
  buffer_.insert(buffer_.end(), chunk.begin(), chunk.begin() + static_cast<std::ptrdiff_t>(count));
  return count != 0;
}

std::optional<std::uint64_t> ByteStream::bytes_left() const {
  const std::uint64_t held = buffer_.size() - position_;
  if (!file_) return held;
  const auto position = system::position(file_->descriptor());
  if (!file_->is_regular() || position < 0) return std::nullopt;
  const auto size = file_->size();
  const auto taken = std::min(size, static_cast<std::uint64_t>(position));  // the file may have shrunk
  return size - taken + held;
}

std::span<const std::byte> ByteStream::peek(std::size_t count) {
  while (buffer_.size() - position_ < count && refill()) {
  }
  return std::span(buffer_).subspan(position_, std::min(count, buffer_.size() - position_));
}

std::size_t ByteStream::read(std::span<std::byte> buffer) {
  const auto held = std::min(buffer.size(), buffer_.size() - position_);
  if (held != 0) std::memcpy(buffer.data(), buffer_.data() + position_, held);
  position_ += held;
  return held + (held < buffer.size() ? read_file(buffer.subspan(held)) : 0);
}

ByteStream::Found ByteStream::find_newline(std::size_t limit) {
  for (std::size_t searched = 0;;) {
    const auto* start = reinterpret_cast<const char*>(buffer_.data()) + position_;
    const auto held = buffer_.size() - position_;
    const auto* newline =
        held == searched ? nullptr : static_cast<const char*>(std::memchr(start + searched, '\n', held - searched));
    if (newline != nullptr) return {static_cast<std::size_t>(newline - start), true};
    if (held > limit || !refill()) return {held, false};
    searched = held;
  }
}

bool ByteStream::read_line(std::string& line, std::size_t limit) {
  const auto [size, has_newline] = find_newline(limit);
  if (size > limit) throw_too_long(name(), "line", limit);
  line.assign(reinterpret_cast<const char*>(buffer_.data()) + position_, size);
  position_ += size + (has_newline ? 1 : 0);
  if (!line.empty() && line.back() == '\r') line.pop_back();
  if (has_newline || size != 0) last_line_is_open_ = !has_newline;
  return has_newline || size != 0;
}

std::vector<std::byte> ByteStream::read_all(std::size_t limit) {
  if (bytes_left().value_or(0) > limit || peek(limit + 1).size() > limit) throw_too_long(name(), "size", limit);
  buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(position_));
  position_ = 0;
  return std::exchange(buffer_, {});
}

}  // namespace ferry::cli

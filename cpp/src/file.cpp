#include "file.hpp"

#include <cerrno>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <system_error>
#include <utility>

#include "descriptor.hpp"
#include "text.hpp"

namespace ferry {

namespace {

system::Status status_of(int descriptor, const std::string& name) {
  const auto status = system::status(descriptor);
  if (!status.is_known) throw_io(name, "an open file");
  return status;
}

}  // namespace

void throw_io(const std::string& name, const std::string& expected) {
  const std::string reason = std::generic_category().message(errno);
  throw Error(ErrorCode::io, name + ": got " + reason + ", expected " + expected);
}

File File::open(const std::filesystem::path& path) {
  const std::string name = path.empty() ? "''" : text::shown(path);  // a script's unset variable
  const int descriptor = system::open_to_read(path);
  if (descriptor < 0) throw_io(name, "a readable file; check the path and its permissions");
  return {descriptor, name};
}

File File::open_at_once(const std::filesystem::path& path, const std::string& expected) {
  const int descriptor = system::open_at_once(path);
  if (descriptor < 0) throw_io(text::shown(path), expected);
  return {descriptor, text::shown(path)};
}

File File::create(const std::filesystem::path& path) {
  const std::string name = text::shown(path);
  const int descriptor = system::create(path);
  if (descriptor < 0) throw_io(name, "a file that can be written; check its folder and permissions");
  return {descriptor, name};
}

File::File(int descriptor, std::string name, bool owned) noexcept
    : descriptor_(descriptor), owned_(owned), name_(std::move(name)) {}

File::File(File&& other) noexcept
    : descriptor_(std::exchange(other.descriptor_, -1)), owned_(other.owned_), name_(std::move(other.name_)) {}

File& File::operator=(File&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  std::swap(owned_, other.owned_);
  std::swap(name_, other.name_);
  return *this;
}

File::~File() {
  if (owned_ && descriptor_ >= 0) system::close(descriptor_);
}

bool File::is_regular() const { return status_of(descriptor_, name_).is_regular; }

std::uint64_t File::size() const { return status_of(descriptor_, name_).bytes; }

std::size_t File::read(std::span<std::byte> buffer) {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto got = read_some(buffer.subspan(filled));
    if (got == 0) break;
    filled += got;
  }
  return filled;
}

std::size_t File::read_some(std::span<std::byte> buffer) {
  while (true) {
    const auto got = system::read(descriptor_, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw_io(name_, "a readable file; check the path and its permissions");
  }
}

std::size_t File::read_at(std::uint64_t offset, std::span<std::byte> buffer) const {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const auto got = system::read_at(descriptor_, buffer.data() + filled, buffer.size() - filled, offset + filled);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io(name_, "a readable file");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

void File::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = system::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(name_, "to write to it; check the disk's space");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void File::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const auto written = system::write_at(descriptor_, bytes.data(), bytes.size(), offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(name_, "to write to its start; write to a file, not to a pipe");
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void File::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (owned_ && descriptor >= 0 && system::close(descriptor) != 0) throw_io(name_, "to write to it; check the disk's space");
}

}  // namespace ferry

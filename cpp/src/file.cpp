#include "file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <system_error>
#include <utility>

#include "text.hpp"

namespace ferry {

namespace {

constexpr mode_t new_file_mode = 0666;  // less the umask

struct stat status_of(int descriptor, const std::string& name) {
  struct stat status{};
  if (::fstat(descriptor, &status) != 0) throw_io(name, "an open file");
  return status;
}

}  // namespace

void throw_io(const std::string& name, const std::string& expected) {
  const std::string reason = std::generic_category().message(errno);
  throw Error(ErrorCode::io, name + ": got " + reason + ", expected " + expected);
}

File File::open(const std::filesystem::path& path) {
  const std::string name = path.empty() ? "''" : text::printable(path.native());  // a script's unset variable
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw_io(name, "a readable file; check the path and its permissions");
  return {descriptor, name};
}

File File::create(const std::filesystem::path& path) {
  const std::string name = text::printable(path.native());
  const int descriptor = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, new_file_mode);
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
  if (owned_ && descriptor_ >= 0) ::close(descriptor_);
}

bool File::is_regular() const { return S_ISREG(status_of(descriptor_, name_).st_mode); }

std::uint64_t File::size() const { return static_cast<std::uint64_t>(status_of(descriptor_, name_).st_size); }

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
    const ssize_t got = ::read(descriptor_, buffer.data(), buffer.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EINTR) throw_io(name_, "a readable file; check the path and its permissions");
  }
}

std::size_t File::read_at(std::uint64_t offset, std::span<std::byte> buffer) const {
  std::size_t filled = 0;
  while (filled < buffer.size()) {
    const ssize_t got = ::pread(descriptor_, buffer.data() + filled, buffer.size() - filled, static_cast<off_t>(offset + filled));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) throw_io(name_, "a readable file");
    if (got == 0) break;
    filled += static_cast<std::size_t>(got);
  }
  return filled;
}

void File::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(name_, "to write to it; check the disk's space");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void File::write_at(std::uint64_t offset, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) throw_io(name_, "to write to its start; write to a file, not to a pipe");
    offset += static_cast<std::uint64_t>(written);
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void File::close() {
  const int descriptor = std::exchange(descriptor_, -1);
  if (owned_ && descriptor >= 0 && ::close(descriptor) != 0) throw_io(name_, "to write to it; check the disk's space");
}

}  // namespace ferry

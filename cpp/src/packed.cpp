#include "packed.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cstdint>
#include <ferry/ferry.hpp>

#include "limits.hpp"
#include "stored_zip.hpp"
#include "text.hpp"

namespace ferry {

namespace {

// A whole file, mapped for reading. Throws Error(io).
class Mapping {
 public:
  explicit Mapping(const File& file)
      : size_(file.size()), address_(::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file.descriptor(), 0)) {
    if (address_ == MAP_FAILED) throw_io(file.name(), "a file that can be mapped; check its file system");
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() { ::munmap(address_, size_); }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {static_cast<const std::byte*>(address_), size_}; }

 private:
  std::size_t size_;
  void* address_;
};

}  // namespace

Packed::Packed(std::vector<std::byte> archive, const std::string& name) : Container(name), memory_(std::move(archive)) {
  find_parts(memory_);
}

Packed::Packed(const std::filesystem::path& path) : Container(path) {
  struct stat status{};
  const std::string name = text::printable(path.native());
  if (::stat(path.c_str(), &status) != 0) throw_io(name, "a readable file; check the path and its permissions");
  if (!S_ISREG(status.st_mode)) refuse_kind();  // before opening: that may already do something to a device
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) throw_io(name, "a readable file; check the path and its permissions");
  file_ = std::make_shared<const File>(descriptor, name);
  std::array<std::byte, 4> head{};
  const std::size_t got = file_->is_regular() ? file_->read_at(0, head) : 0;
  if (!archive::is_zip(std::span(head).first(got))) refuse_kind();
  find_parts(Mapping(*file_).bytes());
}

void Packed::find_parts(std::span<const std::byte> archive) {
  // The digests of the manifest say more than the archive's CRC-32.
  const archive::Rules rules{.max_entries = limits::max_packed_files, .check_crc = false};
  try {
    for (const auto& [name, member] : archive::read_members(archive, rules)) {
      parts_.emplace(name, Part{static_cast<std::uint64_t>(member.data.data() - archive.data()), member.size});
    }
  } catch (const archive::ZipError& error) {
    throw Error(ErrorCode::format, text::printable(root().native()) + ": " + error.what() + "; pack the bundle again");
  }
}

void Packed::refuse_kind() const {
  throw Error(ErrorCode::io,
              text::printable(root().native()) + ": got a file, expected a bundle folder, or one file that `ferry pack` wrote");
}

std::vector<std::string> Packed::names() const {
  std::vector<std::string> names;
  for (const auto& [path, part] : parts_)
    if (path.find('/') == std::string::npos) names.push_back(path);
  return names;
}

Listing Packed::list(const Paths& listed) const {
  Listing listing;
  for (const auto& [path, part] : parts_) {
    if (!listed.contains(path) && is_sidecar(path)) {
      listing.sidecars.push_back(path);
    } else {
      listing.sizes.emplace(path, part.size);
    }
  }
  return listing;
}

Content Packed::open(std::string_view path, Links /*links*/) const {
  const auto found = parts_.find(path);
  if (found == parts_.end())
    throw Error(ErrorCode::integrity, name_of(path) + ": got no such entry, expected it; pack the bundle again");
  const auto [start, size] = found->second;
  if (file_ != nullptr) return {file_, start, size};
  return Content(std::span(memory_).subspan(start, size));
}

}  // namespace ferry

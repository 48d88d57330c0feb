#include "container.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <ferry/ferry.hpp>

#include "descriptor.hpp"
#include "mapping.hpp"
#include "text.hpp"

namespace ferry {

std::size_t Content::read_at(std::uint64_t offset, std::span<std::byte> buffer) const {
  if (offset >= size_) return 0;
  const auto wanted = buffer.first(static_cast<std::size_t>(std::min<std::uint64_t>(buffer.size(), size_ - offset)));
  if (file_ != nullptr) return file_->read_at(start_ + offset, wanted);
  const auto part = memory_.subspan(static_cast<std::size_t>(offset), wanted.size());
  std::copy(part.begin(), part.end(), wanted.begin());
  return wanted.size();
}

std::vector<std::byte> Content::read(std::size_t max_bytes) const {
  std::vector<std::byte> bytes(static_cast<std::size_t>(std::min<std::uint64_t>(size_, max_bytes)));
  bytes.resize(read_at(0, bytes));
  return bytes;
}

std::shared_ptr<const std::span<const std::byte>> Content::map() const {
  struct Mapped {
    Mapped(const File& file, std::uint64_t start, std::uint64_t size) : mapping(file.descriptor(), start + size) {
      if (!mapping.is_there()) throw_io(file.name(), "a file that can be mapped");
      bytes = mapping.bytes().subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(size));
    }
    system::Mapping mapping;
    std::span<const std::byte> bytes;
  };
  if (file_ == nullptr || size_ == 0) return std::make_shared<const std::span<const std::byte>>(memory_);
  if (system::status(file_->descriptor()).is_writable_by_others)
    throw Error(ErrorCode::integrity, file_->name() +
                                          ": got a file that another user may write while it is mapped, expected one of yours or "
                                          "root's; change its owner or mode, or leave out map_files");
  const auto mapped = std::make_shared<const Mapped>(*file_, start_, size_);
  return {mapped, &mapped->bytes};
}

std::string Container::name_of(std::string_view path) const { return text::shown(root_ / text::path_of(path)); }

bool is_hidden(std::string_view path) noexcept {
  while (true) {
    const std::size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part.starts_with('.') && part != "." && part != "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

bool is_sidecar(std::string_view path) noexcept {
  constexpr std::array<std::string_view, 4> named{"README.md", "LICENSE", "MLmodel", "model.sig"};
  return is_hidden(path) || std::find(named.begin(), named.end(), path) != named.end() ||
         (path.find('/') == std::string_view::npos && path.ends_with(".minisig"));
}

}  // namespace ferry

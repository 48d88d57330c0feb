#include "packed.hpp"

#include <array>
#include <cstdint>
#include <ferry/ferry.hpp>

#include "limits.hpp"
#include "mapping.hpp"
#include "stored_zip.hpp"
#include "text.hpp"

namespace ferry {

namespace {

constexpr auto expected = "a readable file; check the path and its permissions";

}  // namespace

Packed::Packed(std::vector<std::byte> archive, const std::string& name) : Container(name), memory_(std::move(archive)) {
  find_parts(memory_);
}

Packed::Packed(const std::filesystem::path& path) : Container(path) {
  std::error_code unknown;  // opening it says why
  const auto status = std::filesystem::status(path, unknown);
  // Before opening: that may already do something to a device.
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status)) refuse_kind();
  file_ = std::make_shared<const File>(File::open_at_once(path, expected));
  std::array<std::byte, 4> head{};
  const std::size_t got = file_->is_regular() ? file_->read_at(0, head) : 0;
  if (!archive::is_zip(std::span(head).first(got))) refuse_kind();
  const system::Mapping mapping(file_->descriptor(), file_->size());
  if (!mapping.is_there()) throw_io(file_->name(), "a file that can be mapped; check its file system");
  find_parts(mapping.bytes());
}

void Packed::find_parts(std::span<const std::byte> archive) {
  // The digests of the manifest say more than the archive's CRC-32.
  const archive::Rules rules{.max_entries = limits::max_packed_files, .check_crc = false};
  try {
    for (const auto& [name, member] : archive::read_members(archive, rules)) {
      parts_.emplace(name, Part{static_cast<std::uint64_t>(member.data.data() - archive.data()), member.size});
    }
  } catch (const archive::ZipError& error) {
    throw Error(ErrorCode::format, text::shown(root()) + ": " + error.what() + "; pack the bundle again");
  }
}

void Packed::refuse_kind() const {
  throw Error(ErrorCode::io, text::shown(root()) + ": got a file, expected a bundle folder, or one file that `ferry pack` wrote");
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

#include "aoti_package.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string_view>
#include <vector>

namespace ferry::aoti {

namespace {

constexpr std::size_t end_size = 22;
constexpr std::size_t end64_size = 56;
constexpr std::size_t locator64_size = 20;
constexpr std::size_t central_size = 46;
constexpr std::size_t local_size = 30;
constexpr std::uint32_t end_signature = 0x06054B50;
constexpr std::uint32_t end64_signature = 0x06064B50;
constexpr std::uint32_t locator64_signature = 0x07064B50;
constexpr std::uint32_t central_signature = 0x02014B50;
constexpr std::uint32_t local_signature = 0x04034B50;
constexpr std::uint32_t sizes_follow = 0x0008;
constexpr std::uint32_t utf8 = 0x0800;
constexpr std::uint32_t file_kind = 0xF000;
constexpr std::uint32_t regular_file = 0x8000;
constexpr std::uint64_t max_entries = 1000;
constexpr std::size_t max_shown = 100;

using Bytes = std::span<const std::byte>;

struct Entry {
  std::string name;
  std::uint32_t flags;
  std::uint32_t method;
  std::uint32_t crc;
  std::uint64_t size;
  std::uint64_t offset;
};

struct Directory {
  std::uint64_t start;
  std::uint64_t stop;
  std::uint64_t count;
};

// Little-endian numbers at offsets that the caller has checked.
std::uint64_t number(Bytes bytes, std::uint64_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8 | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}
std::uint32_t u16(Bytes bytes, std::uint64_t at) { return static_cast<std::uint32_t>(number(bytes, at, 2)); }
std::uint32_t u32(Bytes bytes, std::uint64_t at) { return static_cast<std::uint32_t>(number(bytes, at, 4)); }
std::uint64_t u64(Bytes bytes, std::uint64_t at) { return number(bytes, at, 8); }

std::string text(Bytes bytes, std::uint64_t at, std::size_t size) {
  const auto part = bytes.subspan(at, size);
  return {reinterpret_cast<const char*>(part.data()), part.size()};
}

// ---- refusals ---------------------------------------------------------------------------------------------------------

// One package's bytes, with the name that messages give it.
class Reader {
 public:
  Reader(const std::string& path, Bytes bytes) : path_(path), bytes_(bytes) {}

  [[nodiscard]] Bytes bytes() const { return bytes_; }
  [[noreturn]] void refuse(const std::string& where, const std::string& got, const std::string& expected) const {
    throw PackageError(path_ + ": " + where + ": got " + got + ", expected " + expected + "; export the bundle again");
  }
  [[noreturn]] void refuse(const Entry& entry, const std::string& got, const std::string& expected) const {
    std::string shown;
    for (const char byte : entry.name.substr(0, max_shown)) shown += byte >= ' ' && byte <= '~' ? byte : '?';
    refuse("entry '" + shown + "'", got, expected);
  }

 private:
  const std::string& path_;
  Bytes bytes_;
};

// ---- the directory ----------------------------------------------------------------------------------------------------

// Whether the 64-bit end record and its locator, which torch writes, lie at `stop` and say what the short one says.
bool has_equal_end64(Bytes bytes, const Directory& directory) {
  const auto at = directory.stop;
  const auto locator = at + end64_size;
  return u32(bytes, at) == end64_signature && u64(bytes, at + 4) == end64_size - 12 && u32(bytes, at + 16) == 0 &&
         u32(bytes, at + 20) == 0 && u64(bytes, at + 24) == directory.count && u64(bytes, at + 32) == directory.count &&
         u64(bytes, at + 40) == directory.stop - directory.start && u64(bytes, at + 48) == directory.start &&
         u32(bytes, locator) == locator64_signature && u32(bytes, locator + 4) == 0 && u64(bytes, locator + 8) == at &&
         u32(bytes, locator + 16) == 1;
}

// Where the directory lies: it must be all that lies between the last entry and the end records.
Directory find_directory(const Reader& reader) {
  const auto bytes = reader.bytes();
  if (bytes.size() < end_size) reader.refuse("end of zip", std::to_string(bytes.size()) + " bytes", "a zip archive");
  auto end = bytes.size() - end_size;
  const bool whole = u32(bytes, end) == end_signature && u16(bytes, end + 4) == 0 && u16(bytes, end + 6) == 0 &&
                     u16(bytes, end + 8) == u16(bytes, end + 10) && u16(bytes, end + 20) == 0;
  if (!whole) reader.refuse("end of zip", "none at the end of the file", "a zip archive of one part without a comment");
  const std::uint64_t start = u32(bytes, end + 16);
  const Directory directory{start, start + u32(bytes, end + 12), u16(bytes, end + 10)};
  if (directory.stop + end64_size + locator64_size == end && has_equal_end64(bytes, directory)) end = directory.stop;
  if (directory.count > max_entries || directory.stop != end)
    reader.refuse("directory",
                  std::to_string(directory.count) + " entries in " + std::to_string(directory.stop - start) + " bytes at " +
                      std::to_string(start),
                  "a directory that ends where the end records begin");
  return directory;
}

// Reads the entry at `at` and moves `at` behind it.
Entry read_entry(const Reader& reader, std::uint64_t& at, std::uint64_t stop) {
  const auto bytes = reader.bytes();
  if (at + central_size > stop) reader.refuse("directory", "less than its entries need", "a whole directory");
  const auto name_size = u16(bytes, at + 28);
  const auto next = at + central_size + name_size + u16(bytes, at + 30) + u16(bytes, at + 32);
  if (u32(bytes, at) != central_signature || next > stop)
    reader.refuse("directory", "something that is not an entry", "a whole directory");
  Entry entry{text(bytes, at + central_size, name_size),
              u16(bytes, at + 8),
              u16(bytes, at + 10),
              u32(bytes, at + 16),
              u32(bytes, at + 24),
              u32(bytes, at + 42)};
  const auto mode = u32(bytes, at + 38) >> 16 & file_kind;
  const bool plain = (entry.flags & ~(sizes_follow | utf8)) == 0 && entry.method == 0 && u32(bytes, at + 20) == entry.size &&
                     u16(bytes, at + 34) == 0 && (mode == 0 || mode == regular_file);
  if (!plain) reader.refuse(entry, "a packed, encrypted or special entry", "a stored regular file");
  at = next;
  return entry;
}

std::vector<Entry> read_directory(const Reader& reader, const Directory& directory) {
  std::vector<Entry> entries;
  entries.reserve(directory.count);
  auto at = directory.start;
  for (std::uint64_t i = 0; i < directory.count; ++i) entries.push_back(read_entry(reader, at, directory.stop));
  if (at != directory.stop)
    reader.refuse("directory", std::to_string(directory.stop - at) + " bytes after its last entry", "none");
  return entries;
}

// ---- names ------------------------------------------------------------------------------------------------------------

bool is_word_character(char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }

bool is_component(std::string_view part) {
  return !part.empty() && is_word_character(part.front()) &&
         std::ranges::all_of(part, [](char c) { return is_word_character(c) || c == '.' || c == '-'; });
}

std::string_view root_of(std::string_view name) { return name.substr(0, name.find('/')); }
std::string_view inner_of(std::string_view name) {
  const auto slash = name.find('/');
  return slash == std::string_view::npos ? std::string_view() : name.substr(slash + 1);
}

bool is_known(std::string_view inner) {
  constexpr std::array<std::string_view, 5> marks = {"archive_format", "archive_version", "byteorder", ".data/version",
                                                     ".data/serialization_id"};
  constexpr std::array<std::string_view, 3> endings = {".cpp", ".json", ".so"};
  constexpr std::string_view folder = "data/aotinductor/model/";
  if (std::ranges::find(marks, inner) != marks.end()) return true;
  if (!inner.starts_with(folder) || !is_component(inner.substr(folder.size()))) return false;
  return std::ranges::any_of(
      endings, [&](std::string_view ending) { return inner.size() > folder.size() + ending.size() && inner.ends_with(ending); });
}

bool leaves_package(std::string_view name) {
  const bool drive = name.size() > 1 && name[1] == ':';
  if (name.starts_with('/') || name.find('\\') != std::string_view::npos || drive) return true;
  for (std::size_t at = 0; at <= name.size();) {
    const auto part = name.substr(at, name.find('/', at) - at);
    if (part == "..") return true;
    at += part.size() + 1;
  }
  return false;
}

void check_names(const Reader& reader, const std::vector<Entry>& entries) {
  for (const auto& entry : entries) {
    if (leaves_package(entry.name)) reader.refuse(entry, "a path that leaves the package", "one inside it");
    if (root_of(entry.name) != root_of(entries.front().name) || !is_component(root_of(entry.name)) ||
        !is_known(inner_of(entry.name)))
      reader.refuse(entry, "an entry of no known kind", "those of torch._inductor.aoti_compile_and_package only");
    if (std::ranges::count(entries, entry.name, &Entry::name) > 1) reader.refuse(entry, "this entry twice", "each name once");
  }
}

// ---- contents ---------------------------------------------------------------------------------------------------------

// Where the entry's bytes begin; its local header must say what the directory says.
std::uint64_t data_start(const Reader& reader, const Entry& entry) {
  const auto bytes = reader.bytes();
  const auto at = entry.offset;
  if (at + local_size > bytes.size()) reader.refuse(entry, "offset " + std::to_string(at), "one inside the file");
  const auto name_size = u16(bytes, at + 26);
  const auto flags = u16(bytes, at + 6);
  const std::uint64_t packed = u32(bytes, at + 18);
  const std::uint64_t size = u32(bytes, at + 22);
  const bool told = (packed == entry.size && size == entry.size) || ((flags & sizes_follow) != 0 && packed == 0 && size == 0);
  const bool same = u32(bytes, at) == local_signature && at + local_size + name_size <= bytes.size() &&
                    text(bytes, at + local_size, name_size) == entry.name && flags == entry.flags &&
                    u16(bytes, at + 8) == entry.method && told;
  if (!same) reader.refuse(entry, "a header that differs from the directory", "the same name, kind and size in both");
  return at + local_size + name_size + u16(bytes, at + 28);
}

constexpr std::array<std::uint32_t, 256> crc_table = [] {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    auto value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value & 1) != 0 ? value >> 1 ^ 0xEDB88320U : value >> 1;
    table[i] = value;
  }
  return table;
}();

std::uint32_t crc32(Bytes bytes) {
  auto value = std::numeric_limits<std::uint32_t>::max();
  for (const auto byte : bytes) value = value >> 8 ^ crc_table[(value ^ std::to_integer<std::uint32_t>(byte)) & 0xFF];
  return ~value;
}

Bytes content_of(const Reader& reader, const Entry& entry) {
  const auto start = data_start(reader, entry);
  const auto there = reader.bytes().size() - std::min<std::uint64_t>(start, reader.bytes().size());
  if (entry.size > there)
    reader.refuse(entry, "a size of " + std::to_string(entry.size) + " bytes",
                  "at most the " + std::to_string(there) + " that are there");
  const auto content = reader.bytes().subspan(start, entry.size);
  if (crc32(content) != entry.crc) reader.refuse(entry, "bytes with another CRC-32", "those that the directory describes");
  return content;
}

void check_no_overlap(const Reader& reader, std::vector<Entry> entries, std::uint64_t directory) {
  std::ranges::sort(entries, {}, &Entry::offset);
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto end = data_start(reader, entries[i]) + entries[i].size;
    const auto limit = i + 1 < entries.size() ? entries[i + 1].offset : directory;
    if (end > limit)
      reader.refuse(entries[i], "bytes up to " + std::to_string(end),
                    "an end at or before " + std::to_string(limit) + ", where the next part begins");
  }
}

}  // namespace

Library open_package(const std::string& path, std::span<const std::byte> data) {
  const Reader reader(path, data);
  const auto directory = find_directory(reader);
  const auto entries = read_directory(reader, directory);
  check_names(reader, entries);
  Library library;
  std::size_t libraries = 0;
  bool is_pt2 = false;
  for (const auto& entry : entries) {
    const auto content = content_of(reader, entry);
    const auto inner = inner_of(entry.name);
    const auto file = std::string(inner.substr(inner.rfind('/') + 1));
    is_pt2 = is_pt2 || (inner == "archive_format" && text(content, 0, content.size()) == "pt2");
    if (inner.ends_with(".so") || inner.ends_with(".json")) library.files.emplace(file, content);
    if (!inner.ends_with(".so")) continue;
    library.name = file;
    ++libraries;
  }
  check_no_overlap(reader, entries, directory.start);
  if (!is_pt2) reader.refuse("archive_format", "none or another one", "pt2");
  if (libraries != 1) reader.refuse("library", std::to_string(libraries) + " shared libraries", "exactly one");
  return library;
}

}  // namespace ferry::aoti

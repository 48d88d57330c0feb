#include "stored_zip.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "crc32.hpp"

namespace ferry::archive {

namespace {

using Bytes = std::span<const std::byte>;

constexpr std::size_t end_size = 22;
constexpr std::size_t end64_size = 56;
constexpr std::size_t locator64_size = 20;
constexpr std::size_t central_size = 46;
constexpr std::size_t local_size = 30;
constexpr std::size_t extra_size = 4;  // kind and size of an extra field
constexpr std::uint32_t end_signature = 0x06054B50;
constexpr std::uint32_t end64_signature = 0x06064B50;
constexpr std::uint32_t locator64_signature = 0x07064B50;
constexpr std::uint32_t central_signature = 0x02014B50;
constexpr std::uint32_t local_signature = 0x04034B50;
constexpr std::uint32_t descriptor_signature = 0x08074B50;
constexpr std::uint32_t encrypted = 0x0001;
constexpr std::uint32_t sizes_follow = 0x0008;
constexpr std::uint32_t utf8 = 0x0800;
constexpr std::uint32_t stored_method = 0;
constexpr std::uint32_t deflated_method = 8;
constexpr std::uint32_t file_kind = 0xF000;  // of the mode that Unix keeps in the upper half of the attributes
constexpr std::uint32_t regular_file = 0x8000;
constexpr std::uint32_t zip64 = 0x0001;        // kind of the extra field with the numbers that do not fit in 32 bits
constexpr std::uint32_t elsewhere16 = 0xFFFF;  // stands for such a number
constexpr std::uint32_t elsewhere32 = 0xFFFFFFFF;

struct Directory {
  std::size_t start = 0;
  std::size_t stop = 0;
  std::size_t count = 0;
};

struct Entry {
  std::string name;
  std::uint32_t flags = 0;
  std::uint32_t method = 0;
  std::uint32_t crc = 0;
  std::uint64_t packed = 0;
  std::uint64_t size = 0;
  std::uint64_t offset = 0;
};

// ---- numbers ----------------------------------------------------------------------------------------------------------

// Little-endian numbers at offsets that the caller has checked.
std::uint64_t number(Bytes bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | std::to_integer<std::uint64_t>(bytes[at + i]);
  return value;
}
std::uint32_t u16(Bytes bytes, std::size_t at) { return static_cast<std::uint32_t>(number(bytes, at, 2)); }
std::uint32_t u32(Bytes bytes, std::size_t at) { return static_cast<std::uint32_t>(number(bytes, at, 4)); }
std::uint64_t u64(Bytes bytes, std::size_t at) { return number(bytes, at, 8); }

std::string text(Bytes bytes) { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }

// The part from `at`, or as much of it as there is.
Bytes part(Bytes bytes, std::uint64_t at, std::uint64_t size) {
  const auto rest = bytes.subspan(static_cast<std::size_t>(std::min<std::uint64_t>(at, bytes.size())));
  return rest.first(static_cast<std::size_t>(std::min<std::uint64_t>(size, rest.size())));
}

// The content of the zip64 field; empty where there is none.
Bytes zip64_field(Bytes extra) {
  while (extra.size() >= extra_size) {
    const auto field = part(extra, extra_size, u16(extra, 2));
    if (u16(extra, 0) == zip64) return field;
    extra = extra.subspan(extra_size + field.size());
  }
  return {};
}

// Replaces the numbers that do not fit in 32 bits: they stand in the zip64 field, in this order.
template <std::size_t Count>
void widen(Bytes extra, std::array<std::uint64_t, Count>& numbers) {
  auto wide = zip64_field(extra);
  for (auto& value : numbers) {
    if (value != elsewhere32 || wide.size() < sizeof value) continue;
    value = u64(wide, 0);
    wide = wide.subspan(sizeof value);
  }
}

// ---- the directory ----------------------------------------------------------------------------------------------------

[[noreturn]] void refuse(const std::string& where, const std::string& got, const std::string& expected) {
  throw ZipError(where + ": got " + got + ", expected " + expected);
}

// What the end record says: count, size and start of the directory.
using Numbers = std::array<std::uint64_t, 3>;

Numbers read_end(Bytes archive) {
  const auto end = archive.size() - std::min(archive.size(), end_size);
  const bool is_whole = archive.size() >= end_size && u32(archive, end) == end_signature && u16(archive, end + 4) == 0 &&
                        u16(archive, end + 6) == 0 && u16(archive, end + 8) == u16(archive, end + 10) &&
                        u16(archive, end + 20) == 0;
  if (!is_whole) refuse("end of zip", "none at the end of the file", "a whole archive of one part without a comment");
  return {u16(archive, end + 10), u32(archive, end + 12), u32(archive, end + 16)};
}

bool is_end64(Bytes archive, std::size_t at) {
  return u32(archive, at) == end64_signature && u64(archive, at + 4) == end64_size - 12 && u32(archive, at + 16) == 0 &&
         u32(archive, at + 20) == 0 && u64(archive, at + 24) == u64(archive, at + 32);
}

// The 64-bit end record at `at`, whose numbers the short record must repeat or leave to it.
Numbers read_end64(Bytes archive, std::size_t at, const Numbers& told) {
  const auto locator = at + end64_size;
  const bool is_found = u32(archive, locator + 4) == 0 && u64(archive, locator + 8) == at && u32(archive, locator + 16) == 1 &&
                        is_end64(archive, at);
  const Numbers numbers{u64(archive, at + 32), u64(archive, at + 40), u64(archive, at + 48)};
  constexpr Numbers elsewhere{elsewhere16, elsewhere32, elsewhere32};
  bool agrees = is_found;
  for (std::size_t i = 0; i < told.size(); ++i) agrees = agrees && (told[i] == numbers[i] || told[i] == elsewhere[i]);
  if (!agrees) refuse("end of zip", "a 64-bit record that differs from the other", "the same in both");
  return numbers;
}

Directory find_directory(Bytes archive, std::uint64_t max_entries) {
  auto numbers = read_end(archive);
  std::size_t stop = archive.size() - end_size;
  if (stop >= end64_size + locator64_size && u32(archive, stop - locator64_size) == locator64_signature) {
    stop -= end64_size + locator64_size;
    numbers = read_end64(archive, stop, numbers);
  }
  const auto [count, size, start] = numbers;
  if (start > stop || size != stop - start)
    refuse("directory", std::to_string(size) + " bytes at " + std::to_string(start),
           "one that ends at " + std::to_string(stop) + ", where the end record begins");
  if (count == 0 || count > max_entries)
    refuse("directory", std::to_string(count) + " entries", "1 to " + std::to_string(max_entries));
  return {static_cast<std::size_t>(start), stop, static_cast<std::size_t>(count)};
}

void require_plain(const std::string& name, std::uint32_t flags, std::uint32_t method, const Rules& rules) {
  if ((flags & encrypted) != 0) refuse_entry(name, "an encrypted entry", "one that anybody can read");
  if (method != stored_method && (method != deflated_method || !rules.allow_deflate))
    refuse_entry(name, "a compressed entry (method " + std::to_string(method) + ")",
                 rules.allow_deflate ? "a stored or deflated one" : "a stored one, not one of numpy.savez_compressed");
  if ((flags & ~(sizes_follow | utf8)) != 0) refuse_entry(name, "flags " + std::to_string(flags), "those of a stored file");
}

void require_regular(const std::string& name, std::uint32_t flags, std::uint32_t method, std::uint32_t kind) {
  if ((flags & ~(sizes_follow | utf8)) != 0 || method != stored_method || (kind != 0 && kind != regular_file))
    refuse_entry(name, "a packed, encrypted or special entry", "a stored regular file");
}

// Reads the entry that `rest` of the directory begins with, and moves `rest` behind it.
Entry read_directory_entry(Bytes& rest, const Rules& rules) {
  if (rest.size() < central_size) refuse("directory", "less than its entries need", "a whole directory");
  const auto name_size = u16(rest, 28);
  const auto fields_size = u16(rest, 30);
  const auto size = central_size + name_size + fields_size + u16(rest, 32);
  if (u32(rest, 0) != central_signature || size > rest.size())
    refuse("directory", "something that is not an entry", "a whole directory");
  const auto name = text(part(rest, central_size, name_size));
  const auto method = u16(rest, 10);
  if (rules.only_regular) require_regular(name, u16(rest, 8), method, u32(rest, 38) >> 16U & file_kind);
  require_plain(name, u16(rest, 8), method, rules);
  std::array<std::uint64_t, 3> numbers{u32(rest, 24), u32(rest, 20), u32(rest, 42)};
  widen(part(rest, central_size + name_size, fields_size), numbers);
  const auto [stored, packed, offset] = numbers;
  if ((packed != stored && method == stored_method) || u16(rest, 34) != 0)
    refuse_entry(name, std::to_string(packed) + " stored bytes for " + std::to_string(stored), "as many, in one part");
  const Entry entry{name, u16(rest, 8), method, u32(rest, 16), packed, stored, offset};
  rest = rest.subspan(size);
  return entry;
}

std::vector<Entry> read_directory(Bytes archive, const Directory& directory, const Rules& rules) {
  auto rest = archive.first(directory.stop).subspan(directory.start);
  std::vector<Entry> entries;
  entries.reserve(directory.count);
  for (std::size_t i = 0; i < directory.count; ++i) entries.push_back(read_directory_entry(rest, rules));
  if (!rest.empty()) refuse("directory", std::to_string(rest.size()) + " bytes after its last entry", "none");
  return entries;
}

// ---- contents ---------------------------------------------------------------------------------------------------------

// Are CRC-32 and sizes those of the directory, or 0 where they follow the content?
bool has_equal_numbers(Bytes header, const Entry& entry, Bytes extra) {
  std::array<std::uint64_t, 2> sizes{u32(header, 22), u32(header, 18)};
  widen(extra, sizes);
  const bool may_be_zero = (entry.flags & sizes_follow) != 0;
  const auto is_told = [&](std::uint64_t told, std::uint64_t truth) { return told == truth || (told == 0 && may_be_zero); };
  return is_told(u32(header, 14), entry.crc) && is_told(sizes[0], entry.size) && is_told(sizes[1], entry.packed);
}

// Where the content begins; the header in front of it must say what the directory says.
std::uint64_t content_start(Bytes body, const Entry& entry) {
  const auto header = part(body, entry.offset, local_size);
  const auto refuse_header = [&] {
    refuse_entry(entry.name, "a header that differs from the directory", "the same name, kind, size and CRC-32 in both");
  };
  if (header.size() < local_size) refuse_header();
  const auto at = entry.offset + local_size;
  const auto name_size = u16(header, 26);
  const auto fields_size = u16(header, 28);
  const bool is_same = u32(header, 0) == local_signature && u16(header, 6) == entry.flags && u16(header, 8) == entry.method &&
                       text(part(body, at, name_size)) == entry.name;
  if (!is_same || !has_equal_numbers(header, entry, part(body, at + name_size, fields_size))) refuse_header();
  return at + name_size + fields_size;
}

// Behind the size and CRC-32 that follow a content which was written to a pipe.
std::uint64_t skip_descriptor(Bytes body, std::uint64_t at, const Entry& entry) {
  for (const std::size_t width : {8U, 4U}) {
    const auto form = part(body, at, 8 + 2 * width);
    if (form.size() == 8 + 2 * width && u32(form, 0) == descriptor_signature && u32(form, 4) == entry.crc &&
        number(form, 8, width) == entry.packed && number(form, 8 + width, width) == entry.size)
      return at + form.size();
  }
  refuse_entry(entry.name, "another descriptor behind its bytes", "the size and CRC-32 of the directory");
}

// The bytes; `at` is moved to where the entry ends.
Member read_entry(Bytes body, const Entry& entry, std::uint64_t& at, const Rules& rules) {
  const auto start = content_start(body, entry);
  const auto there = body.size() - std::min<std::uint64_t>(start, body.size());
  if (start > body.size() || entry.packed > there)
    refuse_entry(entry.name, "a size of " + std::to_string(entry.packed) + " bytes",
                 "at most the " + std::to_string(there) + " that are there");
  const auto content = body.subspan(static_cast<std::size_t>(start), static_cast<std::size_t>(entry.packed));
  const bool is_deflated = entry.method == deflated_method;
  if (rules.check_crc && !is_deflated && crc32(content) != entry.crc)
    refuse_entry(entry.name, "bytes with another CRC-32", "those that were written");
  at = start + entry.packed;
  if ((entry.flags & sizes_follow) != 0) at = skip_descriptor(body, at, entry);
  return {content, entry.size, entry.crc, is_deflated};
}

}  // namespace

bool is_zip(std::span<const std::byte> first_bytes) noexcept {
  const std::string_view head(reinterpret_cast<const char*>(first_bytes.data()), first_bytes.size());
  return head.starts_with("PK\x03\x04") || head.starts_with("PK\x05\x06");  // an archive with entries, and one without
}

std::map<std::string, std::span<const std::byte>> read_entries(std::span<const std::byte> archive) {
  std::map<std::string, Bytes> contents;
  for (const auto& [name, member] : read_members(archive, Rules())) contents.emplace(name, member.data);
  return contents;
}

std::map<std::string, Member> read_members(std::span<const std::byte> archive, const Rules& rules) {
  const auto directory = find_directory(archive, rules.max_entries);
  auto entries = read_directory(archive, directory, rules);
  std::stable_sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) { return a.offset < b.offset; });
  const auto body = archive.first(directory.start);
  std::map<std::string, Member> contents;
  std::uint64_t at = 0;
  for (const auto& entry : entries) {
    if (contents.contains(entry.name)) refuse_entry(entry.name, "this entry twice", "each name once");
    if (entry.offset != at)
      refuse_entry(entry.name, "an offset of " + std::to_string(entry.offset),
                   std::to_string(at) + ", where the part before it ends");
    contents.emplace(entry.name, read_entry(body, entry, at, rules));
  }
  if (at != body.size())
    refuse("directory", std::to_string(body.size() - at) + " bytes in front of it that are of no entry", "none");
  return contents;
}

void refuse_entry(const std::string& name, const std::string& got, const std::string& expected) {
  constexpr std::size_t max_shown = 100;
  std::string shown;
  for (const char byte : name.substr(0, max_shown)) shown += byte >= ' ' && byte <= '~' ? byte : '?';
  throw ZipError("entry '" + shown + "': got " + got + ", expected " + expected);
}

}  // namespace ferry::archive

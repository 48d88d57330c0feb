#include "foreign.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

#include "ferry/ferry.hpp"
#include "stored_zip.hpp"

namespace ferry::cli {

namespace {

// What a picture of a kind that is not read is called; empty for any other file.
std::string_view foreign_picture(std::string_view head) {
  using namespace std::string_view_literals;
  const auto behind = [head](std::size_t at, std::string_view words) {
    return head.size() >= at && head.substr(at).starts_with(words);
  };
  if (head.starts_with("GIF87a") || head.starts_with("GIF89a")) return "a GIF";
  if (head.starts_with("II*\0"sv) || head.starts_with("MM\0*"sv)) return "a TIFF";
  if (head.starts_with("RIFF") && behind(8, "WEBP")) return "a WebP";
  if (behind(4, "ftypavif") || behind(4, "ftypheic") || behind(4, "ftypmif1")) return "an AVIF or HEIC";
  if (head.starts_with("\0\0\0\x0cjP  "sv)) return "a JPEG 2000";
  return head.starts_with("%PDF-") ? "a PDF" : std::string_view();
}

}  // namespace

void refuse_foreign(ByteStream& stream) {
  constexpr std::array<std::string_view, 5> first_entries = {"[Content_Types]", "_rels/", "docProps/", "xl/", "mimetype"};
  constexpr std::size_t name_at = 30;  // of a zip's first entry
  const auto bytes = stream.peek(archive::is_zip(stream.peek(magic_size)) ? 2 * name_at : magic_size);
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto entry = head.starts_with("PK\x03\x04") ? head.substr(std::min(name_at, head.size())) : std::string_view();
  const bool zipped = std::ranges::any_of(first_entries, [entry](std::string_view name) { return entry.starts_with(name); });
  if (zipped || head.starts_with("\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1"))
    throw Error(ErrorCode::bad_input,
                stream.name() + ": got a workbook (Excel, LibreOffice), expected CSV; save its sheet as CSV in UTF-8");
  if (const auto name = foreign_picture(head); !name.empty())
    throw Error(ErrorCode::bad_input,
                stream.name() + ": got " + std::string(name) + ", expected PNG, JPEG, BMP, PGM or PPM; save it as PNG");
}

void refuse_arrow(ByteStream& stream) {
  const auto bytes = stream.peek(magic_size);
  const std::string_view head(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const bool parquet = head.starts_with("PAR1");
  if (!parquet && !head.starts_with(std::string_view("ARROW1\0\0", 8)) && !head.starts_with("\xFF\xFF\xFF\xFF")) return;
  throw Error(ErrorCode::unavailable, stream.name() + ": got " + (parquet ? "Parquet" : "Arrow IPC") +
                                          ", which ferry-run does not read, expected CSV or .npy; use ferry predict, or save the "
                                          "table as CSV");
}

}  // namespace ferry::cli

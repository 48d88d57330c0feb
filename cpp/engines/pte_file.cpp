#include "pte_file.hpp"

#include <cstdint>

#include "program_rule.hpp"
#include "pte_schema.hpp"

namespace ferry::engines {
namespace {

std::uint64_t little(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t value = 0;
  for (std::size_t i = size; i-- > 0;) value = value << 8U | static_cast<std::uint8_t>(bytes[at + i]);
  return value;
}

}  // namespace

void require_pte(bool is_good, const std::string& text) { require_rule(is_good, text, "a program as ExecuTorch exports it"); }

std::size_t index_in(std::string_view what, std::int64_t index, std::size_t count) {
  require_rule(index >= 0 && static_cast<std::uint64_t>(index) < count,
               "got " + std::string(what) + ' ' + std::to_string(index) + " of " + std::to_string(count),
               "an index inside the list");
  return static_cast<std::size_t>(index);
}

std::string_view PteFile::segment(std::int64_t index) const { return segments[index_in("segment", index, segments.size())]; }

NamedData PteFile::named() const {
  NamedData found;
  for (const auto& entry : program.at("named_data").items)
    found[entry.at("key").bytes] = segment(entry.at("segment_index").integer());
  return found;
}

PteFile read_pte_file(std::string_view data) {
  static const FlatSchema schema(program_schema);
  require_rule(data.size() >= 12 && data.substr(4, 4) == "ET12", "got no ExecuTorch program", "one of identifier ET12");
  auto body = data;
  std::string_view tail;
  if (data.substr(8, 4) == "eh00") {
    require_pte(data.size() >= 32, "got a program that ends in its header");
    const auto length = little(data, 12, 4);
    const auto size = little(data, 16, 8);
    const auto base = little(data, 24, 8);
    require_pte(length >= 24 && length <= size && size <= data.size() && (base == 0 || (size <= base && base <= data.size())),
                "got a header that leads outside the file");
    body = data.substr(0, size);
    if (base != 0) tail = data.substr(base);
  }
  PteFile file{read_flat(body, schema, "Program"), {}};
  require_rule(file.program.at("version").number == 0, "got a program of another version", "0");
  for (const auto& entry : file.program.at("segments").items) {
    const auto offset = entry.at("offset").number;
    const auto size = entry.at("size").number;
    require_pte(lies_inside(offset, size, tail.size()), "got a segment outside the file");
    file.segments.push_back(tail.substr(offset, size));
  }
  return file;
}

}  // namespace ferry::engines

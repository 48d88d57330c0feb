// The parts of an ExecuTorch program: its tables and its segments of data. Standard library only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "flat_table.hpp"
#include "xnnpack_door.hpp"

namespace ferry::engines {

// The program as tables, and the bytes of its segments, which point into the file.
struct PteFile {
  Flat program;
  std::vector<std::string_view> segments;

  [[nodiscard]] std::string_view segment(std::int64_t index) const;
  // The data that delegates ask for by a key.
  [[nodiscard]] NamedData named() const;
};

// Throws Refusal where header, tables or segments lead outside the file.
[[nodiscard]] PteFile read_pte_file(std::string_view data);

// Throws Refusal with `text`, which says what was got.
void require_pte(bool is_good, const std::string& text);

// The index itself. Throws Refusal for one outside the list.
std::size_t index_in(std::string_view what, std::int64_t index, std::size_t count);

}  // namespace ferry::engines

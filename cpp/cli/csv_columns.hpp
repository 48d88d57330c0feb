// Which columns of a table are the elements of the inputs, and whether its first line names them (FORMAT.md section 10).
// The Python twin is python/torchferry/samples/columns.py.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "csv_delimiter.hpp"
#include "csv_elements.hpp"
#include "csv_header.hpp"
#include "verbs.hpp"

namespace ferry::cli {

enum class HeaderKind { none, names, places };

// What each row has: `cells` in all, the elements at `taken`, the identity at `id`.
struct Columns {
  std::size_t cells = 0;
  std::vector<std::size_t> taken;
  std::optional<std::size_t> id;
  HeaderKind header = HeaderKind::none;

  [[nodiscard]] std::size_t ignored() const noexcept { return cells - taken.size() - (id ? 1 : 0); }
};

// Every cell of a row is an element, in order.
[[nodiscard]] Columns plain_columns(const Elements& elements);

// Decides by the first line's cells `names` and the rows that follow it. Throws ColumnError.
[[nodiscard]] Columns find_columns(const Cells& names, std::span<const Cells> following, const Elements& elements,
                                   const TableOptions& options);

}  // namespace ferry::cli

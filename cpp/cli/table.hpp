// Text in aligned columns.
#pragma once

#include <string>
#include <vector>

namespace ferry::cli {

// Rows of equal length as lines, every column as wide as its widest cell.
[[nodiscard]] std::string align(const std::vector<std::vector<std::string>>& rows);

}  // namespace ferry::cli

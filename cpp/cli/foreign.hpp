// Files of kinds that are not read, told by how they begin. The Python twin is python/torchferry/samples/foreign.py.
#pragma once

#include <cstddef>

#include "byte_stream.hpp"

namespace ferry::cli {

// Of what a file begins with: enough to tell every kind.
inline constexpr std::size_t magic_size = 12;

// Refuses workbooks (.xlsx, .xls and .ods hold several sheets, formulas and dates) and pictures of other kinds. Throws
// Error(bad_input) that names the kind.
void refuse_foreign(ByteStream& stream);

// Refuses kinds of tables that Python alone reads. Throws Error(unavailable).
void refuse_arrow(ByteStream& stream);

}  // namespace ferry::cli

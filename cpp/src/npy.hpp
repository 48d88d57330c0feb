// NumPy's .npy files (FORMAT.md section 8): versions 1.0 and 2.0, little-endian, C order, no objects.
#pragma once

#include <cstddef>
#include <cstdint>
#include <ferry/ferry.hpp>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "file.hpp"

namespace ferry::npy {

inline constexpr std::string_view magic = "\x93NUMPY";

struct Header {
  DType dtype = DType::float32;
  Shape shape;
};

// Whose file it is, for messages and exit codes: a bundle's fails with ErrorCode::format, a user's with bad_input.
struct Origin {
  std::string name;
  ErrorCode code = ErrorCode::bad_input;
};

[[nodiscard]] bool is_npy(std::span<const std::byte> first_bytes) noexcept;

// A whole file in memory. Short data and trailing bytes are refused. Throws Error(origin.code).
[[nodiscard]] Tensor parse(std::span<const std::byte> bytes, const Origin& origin);

// The dict literal of a header. Throws Error(origin.code).
[[nodiscard]] Header parse_header_dict(std::string_view text, const Origin& origin);

// Everything before the data, magic to newline, with the bytes that NumPy writes: as long for every count of rows.
[[nodiscard]] std::string header_bytes(const Header& header);

// A whole file from a tensor.
[[nodiscard]] std::vector<std::byte> serialize(const Tensor& tensor);

// Fills the buffer as far as there are bytes; less than its size means the end. E.g. [&file](auto buffer) { return
// file.read(buffer); }
using Source = std::function<std::size_t(std::span<std::byte>)>;

// Reads a file in pieces along its first dim from anything that gives bytes, so that inputs may be larger than memory.
class Reader {
 public:
  // Reads the header at once; an array of rank 0 has no rows, and `read` refuses it. Throws Error(origin.code), and what `source`
  // throws.
  Reader(Source source, Origin origin);

  [[nodiscard]] const Header& header() const noexcept { return header_; }
  [[nodiscard]] std::int64_t rows() const noexcept { return rows_; }  // the first dim
  [[nodiscard]] std::int64_t rows_left() const noexcept { return rows_ - row_; }
  // The next `count` rows, or those that are left. With the last row, trailing bytes are looked for and refused.
  // Memory grows with the bytes that are really there, not with what the header promises.
  [[nodiscard]] Tensor read(std::int64_t count);

 private:
  void require_end();

  Source source_;
  Origin origin_;
  Header header_;
  std::int64_t rows_ = 0;
  std::int64_t row_ = 0;
  std::size_t row_bytes_ = 0;
  std::vector<std::byte> buffer_;
};

// Writes rows as they come. Where `rows` is not given, the header is written again by `finish`, so the file must be one that
// can be written at an offset (no pipe).
class Writer {
 public:
  // `row_shape` is the shape without its first dim. The file stays the caller's and must outlive the writer.
  Writer(File& file, DType dtype, Shape row_shape, std::optional<std::int64_t> rows = std::nullopt);
  // Rows [n, row_shape...] of the writer's dtype. Throws Error(internal) for others.
  void write(const Tensor& rows);
  // Must be called once, after the last row.
  void finish();

 private:
  File* file_;
  Header header_;  // its first dim counts the rows written
  std::optional<std::int64_t> promised_;
};

}  // namespace ferry::npy

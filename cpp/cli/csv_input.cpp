#include "csv_input.hpp"

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "contract.hpp"
#include "csv_cell.hpp"
#include "limits.hpp"
#include "text.hpp"

namespace ferry::cli {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

// The rows of a file as cells: without the byte order mark, blank lines and the header.
class CsvRows {
 public:
  explicit CsvRows(ByteStream stream) : stream_(std::move(stream)) {}

  // The next row's cells, which live until the next call; null at the end.
  const std::vector<std::string_view>* next() {
    while (stream_.read_line(line_, limits::max_csv_line_bytes)) {
      ++number_;
      std::string_view line = line_;
      if (number_ == 1 && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
      if (line.find_first_not_of(' ') == std::string_view::npos) continue;
      require_text(line);
      split_cells(line, cells_);
      if (!std::exchange(first_, false) || std::ranges::any_of(cells_, is_number)) return &cells_;
    }
    return nullptr;
  }

  [[noreturn]] void fail(std::string_view what) const {
    throw Error(ErrorCode::bad_input,
                stream_.name() + ": line " + std::to_string(number_) + std::string(what) + "; correct the file");
  }

 private:
  // Without this a binary file could pass for a header.
  void require_text(std::string_view line) const {
    const bool control = std::ranges::any_of(line, [](char c) { return static_cast<unsigned char>(c) < 0x20 && c != '\t'; });
    if (control || !text::is_utf8(line)) fail(": got bytes that are no text, expected .npy, CSV in UTF-8, PNG, BMP or PGM");
  }

  ByteStream stream_;
  std::string line_;
  std::vector<std::string_view> cells_;
  std::size_t number_ = 0;
  bool first_ = true;
};

class CsvReader final : public SampleReader {
 public:
  CsvReader(const TensorSpec& spec, Shape sample, ByteStream stream)
      : shown_(spec.name + " " + describe(spec)),
        dtype_(spec.dtype),
        sample_(std::move(sample)),
        columns_(element_count(sample_)),
        rows_(std::move(stream)) {}

  Tensor read(std::int64_t count) override {
    std::vector<std::byte> elements;
    std::int64_t samples = 0;
    for (; samples < count; ++samples) {
      const auto* cells = rows_.next();
      if (cells == nullptr) break;
      append(*cells, elements);
    }
    Shape shape = sample_;
    shape.insert(shape.begin(), samples);
    return Tensor::copy(dtype_, std::move(shape), elements);
  }

  [[nodiscard]] std::optional<std::int64_t> total() const override { return std::nullopt; }

 private:
  void append(const std::vector<std::string_view>& cells, std::vector<std::byte>& elements) {
    if (cells.size() != columns_)
      rows_.fail(": got " + std::to_string(cells.size()) + " cells, expected " + std::to_string(columns_) + " for " + shown_);
    const auto size = size_of(dtype_);
    auto offset = elements.size();
    elements.resize(offset + columns_ * size);
    for (std::size_t i = 0; i < columns_; ++i, offset += size) {
      const auto wanted = parse_cell(cells[i], dtype_, elements.data() + offset);
      if (!wanted.empty())
        rows_.fail(", column " + std::to_string(i + 1) + ": got " + text::quoted(cells[i].substr(0, 40)) + ", expected " +
                   std::string(wanted));
    }
  }

  std::string shown_;  // name, dtype and shape, for messages
  DType dtype_;
  Shape sample_;
  std::size_t columns_;
  CsvRows rows_;
};

}  // namespace

std::unique_ptr<SampleReader> open_csv(const TensorSpec& spec, ByteStream stream) {
  Shape sample;
  for (std::size_t i = 1; i < spec.shape.size(); ++i)
    if (const auto* number = std::get_if<std::int64_t>(&spec.shape[i])) sample.push_back(*number);
  if (!is_batched(spec) || sample.size() + 1 != spec.shape.size())
    throw Error(ErrorCode::bad_input, stream.name() + ": got CSV, expected .npy, PNG, BMP or PGM: a row says no shape, and " +
                                          spec.name + " is " + describe(spec));
  return std::make_unique<CsvReader>(spec, std::move(sample), std::move(stream));
}

}  // namespace ferry::cli

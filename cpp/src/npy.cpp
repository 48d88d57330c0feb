#include "npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "limits.hpp"

namespace ferry::npy {

static_assert(std::endian::native == std::endian::little, "the data of .npy files is used as it lies in memory");

namespace {

constexpr std::size_t fixed_prefix = 8;                    // magic and version
constexpr std::size_t step_bytes = std::size_t{1} << 20U;  // memory grows by this much while a stream is read

std::span<const std::byte> as_bytes(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

[[noreturn]] void fail(const Origin& origin, const std::string& problem) {
  throw Error(origin.code, origin.name + ": " + problem);
}

[[noreturn]] void fail_header(const Origin& origin, const std::string& problem) {
  fail(origin, "npy header: " + problem + "; write it with numpy.save");
}

// The header of what `source` gives; the source then stands at the data.
Header read_header(const Source& source, const Origin& origin) {
  std::array<std::byte, fixed_prefix> prefix{};
  if (source(prefix) != prefix.size() || !is_npy(prefix))
    fail_header(origin, "got other first bytes, expected those of a .npy file");
  const auto major = std::to_integer<unsigned>(prefix[6]);
  const auto minor = std::to_integer<unsigned>(prefix[7]);
  if ((major != 1 && major != 2) || minor != 0) {
    fail_header(origin, "got version " + std::to_string(major) + "." + std::to_string(minor) + ", expected 1.0 or 2.0");
  }
  std::array<std::byte, 4> length_bytes{};
  const auto length_field = std::span(length_bytes).first(major == 1 ? 2 : 4);
  if (source(length_field) != length_field.size()) fail_header(origin, "got a file that is cut short, expected a header");
  std::uint32_t length = 0;
  std::memcpy(&length, length_bytes.data(), sizeof length);
  if (length > limits::max_npy_header_bytes) {
    fail_header(origin,
                "got " + std::to_string(length) + " bytes, expected at most " + std::to_string(limits::max_npy_header_bytes));
  }
  std::string dict(length, '\0');
  if (source(std::as_writable_bytes(std::span(dict))) != length) {
    fail_header(origin, "got a file that is cut short, expected a header of " + std::to_string(length) + " bytes");
  }
  return parse_header_dict(dict, origin);
}

// Gives bytes of memory; `rest` is what has not been given yet.
class MemorySource {
 public:
  explicit MemorySource(std::span<const std::byte>& rest) : rest_(&rest) {}
  std::size_t operator()(std::span<std::byte> buffer) const {
    const std::size_t count = std::min(buffer.size(), rest_->size());
    std::copy_n(rest_->begin(), count, buffer.begin());
    *rest_ = rest_->subspan(count);
    return count;
  }

 private:
  std::span<const std::byte>* rest_;
};

}  // namespace

bool is_npy(std::span<const std::byte> first_bytes) noexcept {
  const auto wanted = as_bytes(magic);
  return first_bytes.size() >= wanted.size() && std::equal(wanted.begin(), wanted.end(), first_bytes.begin());
}

Tensor parse(std::span<const std::byte> bytes, const Origin& origin) {
  std::span<const std::byte> rest = bytes;
  Header header = read_header(MemorySource(rest), origin);
  const std::size_t expected = element_count(header.shape) * size_of(header.dtype);
  if (rest.size() != expected) {
    fail(origin, "data: got " + std::to_string(rest.size()) + " bytes, expected " + std::to_string(expected) + " for shape " +
                     to_string(header.shape) +
                     (rest.size() < expected ? "; the file is cut short" : "; there are trailing bytes"));
  }
  return Tensor::copy(header.dtype, std::move(header.shape), rest);
}

std::vector<std::byte> serialize(const Tensor& tensor) {
  const std::string header = header_bytes({tensor.dtype(), tensor.shape()});
  std::vector<std::byte> bytes(header.size() + tensor.bytes().size());
  std::copy_n(as_bytes(header).begin(), header.size(), bytes.begin());
  std::copy(tensor.bytes().begin(), tensor.bytes().end(), bytes.begin() + static_cast<std::ptrdiff_t>(header.size()));
  return bytes;
}

// ---- reader -----------------------------------------------------------------------------------------------------------

Reader::Reader(Source source, Origin origin)
    : source_(std::move(source)), origin_(std::move(origin)), header_(read_header(source_, origin_)) {
  if (header_.shape.empty()) return;
  rows_ = header_.shape.front();
  if (rows_ == 0) {
    require_end();
  } else {
    row_bytes_ = element_count(std::span(header_.shape).subspan(1)) * size_of(header_.dtype);
  }
}

Tensor Reader::read(std::int64_t count) {
  if (header_.shape.empty()) fail(origin_, "shape: got [], expected at least one dim, the rows");
  const std::int64_t rows = std::min(count, rows_left());
  Shape shape = header_.shape;
  shape.front() = rows;
  const std::size_t wanted = static_cast<std::size_t>(rows) * row_bytes_;
  buffer_.clear();
  while (buffer_.size() < wanted) {
    const std::size_t start = buffer_.size();
    const std::size_t step = std::min(wanted - start, std::max(step_bytes, start));
    buffer_.resize(start + step);
    if (const std::size_t got = source_(std::span(buffer_).subspan(start)); got != step) {
      const std::size_t before = static_cast<std::size_t>(row_) * row_bytes_ + start;
      fail(origin_, "data: got " + std::to_string(before + got) + " bytes, expected " +
                        std::to_string(static_cast<std::size_t>(rows_) * row_bytes_) + " for shape " + to_string(header_.shape) +
                        "; the file is cut short");
    }
  }
  row_ += rows;
  if (rows > 0 && rows_left() == 0) require_end();
  return Tensor::copy(header_.dtype, std::move(shape), buffer_);
}

void Reader::require_end() {
  std::array<std::byte, 1> extra{};
  if (source_(extra) != 0)
    fail(origin_, "data: got bytes after the last row, expected the end for shape " + to_string(header_.shape));
}

// ---- writer -----------------------------------------------------------------------------------------------------------

Writer::Writer(File& file, DType dtype, Shape row_shape, std::optional<std::int64_t> rows)
    : file_(&file), header_{dtype, std::move(row_shape)}, promised_(rows) {
  header_.shape.insert(header_.shape.begin(), rows.value_or(0));
  file_->write(as_bytes(header_bytes(header_)));
  header_.shape.front() = 0;
}

void Writer::write(const Tensor& rows) {
  const bool same_rank = rows.shape().size() == header_.shape.size();
  if (!same_rank || rows.dtype() != header_.dtype ||
      !std::equal(rows.shape().begin() + 1, rows.shape().end(), header_.shape.begin() + 1)) {
    throw Error(ErrorCode::internal, file_->name() + ": rows: got " + std::string(to_string(rows.dtype())) +
                                         to_string(rows.shape()) + ", expected the dtype and row shape of the file");
  }
  file_->write(rows.bytes());
  header_.shape.front() += rows.shape().front();
}

void Writer::finish() {
  if (!promised_) {
    file_->write_at(0, as_bytes(header_bytes(header_)));
  } else if (*promised_ != header_.shape.front()) {
    throw Error(ErrorCode::internal, file_->name() + ": rows: got " + std::to_string(header_.shape.front()) + ", expected " +
                                         std::to_string(*promised_) + " as its header says");
  }
}

}  // namespace ferry::npy

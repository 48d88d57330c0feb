// The header of a .npy file: a Python dict literal with the keys descr, fortran_order and shape.
#include <algorithm>
#include <cstdint>
#include <limits>

#include "dtype.hpp"
#include "limits.hpp"
#include "npy.hpp"
#include "shape.hpp"
#include "text.hpp"

namespace ferry::npy {

namespace {

std::string_view descr_of(DType dtype) noexcept {
  switch (dtype) {
    case DType::boolean:
      return "|b1";
    case DType::uint8:
      return "|u1";
    case DType::int8:
      return "|i1";
    case DType::int16:
      return "<i2";
    case DType::int32:
      return "<i4";
    case DType::int64:
      return "<i8";
    case DType::float32:
      return "<f4";
    case DType::float64:
      return "<f8";
    case DType::float16:
      return "<f2";
    case DType::bfloat16:
      return "<V2";  // as NumPy writes the type of ml_dtypes
  }
  return "unknown";
}

std::string every_descr() {
  std::string text;
  for (std::optional<DType> dtype = DType::boolean; dtype; dtype = next_dtype(*dtype))
    (text += text.empty() ? "" : ", ") += descr_of(*dtype);
  return text;
}

constexpr std::string_view spaces = " \t\n\r\f";

// Reads the dict literal left to right. Nothing recurses, so no header can exhaust the stack.
class DictParser {
 public:
  DictParser(std::string_view text, const Origin& origin) : text_(text), rest_(text), origin_(&origin) {}

  Header parse() {
    expect('{');
    while (!accept('}')) {
      parse_item();
      if (accept(',')) continue;
      expect('}');
      break;
    }
    skip_spaces();
    if (!rest_.empty() || !descr_ || !fortran_ || !shape_) refuse();
    const DType dtype = require_dtype(*descr_);
    if (*fortran_) fail("Fortran order", "C order; convert with numpy.ascontiguousarray");
    if (shape_->size() > limits::max_rank) fail("a shape of rank above 8", "rank at most 8");
    return {dtype, std::move(*shape_)};
  }

 private:
  void parse_item() {
    const std::string_view key = quoted();
    expect(':');
    if (key == "descr" && !descr_) {
      descr_ = quoted();
    } else if (key == "fortran_order" && !fortran_) {
      fortran_ = parse_bool();
    } else if (key == "shape" && !shape_) {
      shape_ = parse_shape();
    } else {
      refuse();
    }
  }

  [[nodiscard]] DType require_dtype(std::string_view descr) const {
    if (const auto known = find_dtype([descr](DType dtype) { return descr_of(dtype) == descr; })) return *known;
    const bool object = descr.find('O') != std::string_view::npos;
    fail(object ? "objects (a pickle)" : "dtype '" + text::printable(descr) + "'",
         "one of " + every_descr() + "; convert with numpy.astype");
  }

  bool parse_bool() {
    if (accept_word("True")) return true;
    if (accept_word("False")) return false;
    refuse();
  }

  Shape parse_shape() {
    Shape shape;
    bool comma = true;
    expect('(');
    while (!accept(')')) {
      if (!comma) refuse();
      shape.push_back(parse_dim());
      comma = accept(',');
    }
    if (shape.size() == 1 && !comma) refuse();
    return shape;
  }

  std::int64_t parse_dim() {
    skip_spaces();
    const std::size_t digits = std::min(rest_.find_first_not_of("0123456789"), rest_.size());
    const std::string_view text = rest_.substr(0, digits);
    if (text.empty() || (text.size() > 1 && text.front() == '0')) refuse();
    std::int64_t value = 0;
    for (const char c : text) {
      const std::int64_t digit = c - '0';
      if (value > (std::numeric_limits<std::int64_t>::max() - digit) / 10)
        fail("a dim of " + text::printable(text), "one below 2^63");
      value = 10 * value + digit;
    }
    rest_.remove_prefix(digits);
    return value;
  }

  std::string_view quoted() {
    skip_spaces();
    const char quote = rest_.empty() ? '\0' : rest_.front();
    const std::size_t end = quote == '\'' || quote == '"' ? rest_.find(quote, 1) : std::string_view::npos;
    if (end == std::string_view::npos) refuse();
    const std::string_view inside = rest_.substr(1, end - 1);
    rest_.remove_prefix(end + 1);
    return inside;
  }

  void skip_spaces() { rest_.remove_prefix(std::min(rest_.find_first_not_of(spaces), rest_.size())); }

  bool accept_word(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }
  bool accept(char c) { return accept_word(std::string_view(&c, 1)); }
  void expect(char c) {
    if (!accept(c)) refuse();
  }

  [[noreturn]] void fail(const std::string& got, const std::string& expected) const {
    throw Error(origin_->code, origin_->name + ": npy header: got " + got + ", expected " + expected);
  }

  // What is no such dict at all.
  [[noreturn]] void refuse() const {
    constexpr std::size_t shown = 60;
    std::string_view start = text_.substr(0, shown);
    start.remove_prefix(std::min(start.find_first_not_of(spaces), start.size()));
    start = start.substr(0, start.find_last_not_of(spaces) + 1);
    fail("'" + text::printable(start) + "'",
         "a dict of descr, fortran_order and shape (a tuple of whole numbers); write it with numpy.save");
  }

  std::string_view text_;
  std::string_view rest_;
  const Origin* origin_;
  std::optional<std::string_view> descr_;
  std::optional<bool> fortran_;
  std::optional<Shape> shape_;
};

// Dims of 0 count as 1: NumPy refuses (2^63, 0) too, though it has no elements.
bool fits_in_memory(const Header& header) {
  Shape shape = header.shape;
  std::replace(shape.begin(), shape.end(), std::int64_t{0}, std::int64_t{1});
  return byte_count(header.dtype, shape).has_value();
}

}  // namespace

Header parse_header_dict(std::string_view text, const Origin& origin) {
  Header header = DictParser(text, origin).parse();
  if (fits_in_memory(header)) return header;
  throw Error(origin.code,
              origin.name + ": npy header: got shape " + to_string(header.shape) + ", expected a size that fits in memory");
}

std::string header_bytes(const Header& header) {
  constexpr std::size_t prefix = 10;  // magic, version, two bytes of length
  constexpr std::size_t alignment = 64;
  constexpr std::size_t longest_count = 21;  // digits, as NumPy has it
  std::string dict = "{'descr': '";
  dict += descr_of(header.dtype);
  dict += "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t dim : header.shape) dict += std::to_string(dim) + (header.shape.size() == 1 ? "," : ", ");
  if (header.shape.size() > 1) dict.resize(dict.size() - 2);
  dict += "), }";
  const std::size_t room = header.shape.empty() ? 0 : longest_count - std::to_string(header.shape.front()).size();
  const std::size_t wanted = prefix + dict.size() + room + 1;
  const std::size_t total = (wanted / alignment + 1) * alignment;  // also of what is aligned already
  dict.resize(total - prefix - 1, ' ');
  std::string bytes(magic);
  bytes += '\x01';
  bytes += '\x00';
  bytes += static_cast<char>((total - prefix) & 0xFFU);
  bytes += static_cast<char>((total - prefix) >> 8U);
  return bytes + dict + '\n';
}

}  // namespace ferry::npy

// PGM in its binary form P5, 8 bit. The Python twin is samples/pgm.py.
#include <array>
#include <string>

#include "image_format.hpp"

namespace ferry::cli {

namespace {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_white(char c) noexcept { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// The header's numbers, between white space and comments.
class HeaderReader {
 public:
  HeaderReader(std::string_view file, const ImageRules& rules) : file_(file), rules_(&rules) {}

  std::int64_t number() {
    skip(is_white);
    while (at_ < file_.size() && file_[at_] == '#') {
      skip([](char c) { return c != '\n'; });
      skip(is_white);
    }
    const auto start = at_;
    skip(is_digit);
    if (at_ == start || at_ - start > 9) fail();
    return std::stoll(std::string(file_.substr(start, at_ - start)));
  }

  // What follows the one white space after the last number.
  std::string_view rest() {
    if (at_ == file_.size() || !is_white(file_[at_])) fail();
    return file_.substr(at_ + 1);
  }

 private:
  template <typename Belongs>
  void skip(Belongs belongs) {
    while (at_ < file_.size() && belongs(file_[at_])) ++at_;
  }
  [[noreturn]] void fail() const { rules_->refuse("a PGM without width, height and maximum", "an undamaged file"); }

  std::string_view file_;
  const ImageRules* rules_;
  std::size_t at_ = 2;  // behind "P5"
};

}  // namespace

GreyImage decode_pgm(std::string_view file, const ImageRules& rules) {
  if (file[1] != '5') rules.refuse("a PNM of kind P" + std::string(1, file[1]), "P5 (binary PGM), PNG or BMP");
  HeaderReader header(file, rules);
  const std::int64_t width = header.number();
  const std::int64_t height = header.number();
  const std::int64_t maximum = header.number();
  const std::string_view levels = header.rest();
  if (maximum != 255) rules.refuse("a PGM with maximum " + std::to_string(maximum), "255");
  rules.require_size(width, height);
  const auto count = static_cast<std::size_t>(width * height);
  if (levels.size() < count) rules.refuse("a PGM that is cut short", "a whole file");
  return {height, width, std::vector<std::uint8_t>(levels.begin(), levels.begin() + static_cast<std::ptrdiff_t>(count))};
}

}  // namespace ferry::cli

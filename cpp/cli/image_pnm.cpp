// PGM and PPM in their binary forms P5 and P6, of 8 and 16 bits. The Python twin is samples/pnm.py.
#include <algorithm>
#include <cstdint>
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
  [[noreturn]] void fail() const { rules_->refuse("a PNM without width, height and maximum", undamaged_file); }

  std::string_view file_;
  const ImageRules* rules_;
  std::size_t at_ = 2;  // behind "P5"
};

}  // namespace

Picture decode_pnm(std::string_view file, const ImageRules& rules) {
  if (file[1] != '5' && file[1] != '6')
    rules.refuse("a PNM of kind P" + std::string(1, file[1]), "P5 (binary PGM) or P6 (binary PPM)");
  HeaderReader header(file, rules);
  const std::int64_t width = header.number();
  const std::int64_t height = header.number();
  const std::int64_t maximum = header.number();
  const std::string_view levels = header.rest();
  constexpr std::int64_t most = 65535;
  if (maximum < 1 || maximum > most) rules.refuse("a PNM with maximum " + std::to_string(maximum), "1 to 65535");
  rules.require_size(width, height);
  const std::size_t channels = file[1] == '5' ? 1 : 3;
  const auto count = static_cast<std::size_t>(width * height) * channels;
  const std::size_t size = maximum < 256 ? 1 : 2;
  if (levels.size() / size < count) rules.refuse("a PNM that is cut short", whole_file);
  if (!std::ranges::all_of(levels.substr(count * size), is_white))
    rules.refuse("a PNM with bytes behind its pixels", "one picture a file");
  Picture picture{.height = height, .width = width, .channels = channels, .maximum = static_cast<std::uint32_t>(maximum)};
  picture.levels.resize(count);
  for (std::size_t i = 0; i < count; ++i)
    picture.levels[i] =
        static_cast<std::uint16_t>(size == 1 ? level_of(levels[i]) : level_of(levels[2 * i]) << 8U | level_of(levels[2 * i + 1]));
  if (*std::ranges::max_element(picture.levels) > maximum)
    rules.refuse("a PNM with a level above its maximum " + std::to_string(maximum), undamaged_file);
  return picture;
}

}  // namespace ferry::cli

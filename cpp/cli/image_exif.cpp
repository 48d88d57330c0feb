// The orientation in an EXIF block, as cameras write it into JPEG and PNG. The Python twin is samples/exif.py.
#include <cstdint>

#include "image_format.hpp"

namespace ferry::cli {

namespace {

class Block {
 public:
  Block(std::string_view bytes, bool little) : bytes_(bytes), little_(little) {}

  [[nodiscard]] bool has(std::size_t at, std::size_t count) const { return at <= bytes_.size() && bytes_.size() - at >= count; }
  [[nodiscard]] std::uint32_t number(std::size_t at, std::size_t count) const {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < count; ++i) value = value << 8U | level_of(bytes_[at + (little_ ? count - 1 - i : i)]);
    return value;
  }

 private:
  std::string_view bytes_;
  bool little_;
};

}  // namespace

int orientation_of(std::string_view block, const ImageRules& rules) {
  constexpr std::size_t entry_size = 12;
  constexpr std::uint32_t orientation = 0x0112;
  constexpr std::uint32_t short_type = 3;
  const auto fail = [&rules] { rules.refuse("an EXIF block that is damaged", "an orientation from 1 to 8"); };
  const bool little = block.starts_with(std::string_view("II*\0", 4));
  const Block numbers(block, little);
  if ((!little && !block.starts_with(std::string_view("MM\0*", 4))) || !numbers.has(4, 4)) fail();
  const std::size_t start = numbers.number(4, 4);
  if (!numbers.has(start, 2)) fail();
  const std::size_t count = numbers.number(start, 2);
  if (!numbers.has(start + 2, entry_size * count)) fail();
  for (std::size_t at = start + 2; at < start + 2 + entry_size * count; at += entry_size) {
    if (numbers.number(at, 2) != orientation) continue;
    const auto value = numbers.number(at + 8, 2);
    if (numbers.number(at + 2, 2) != short_type || numbers.number(at + 4, 4) != 1 || value > 8) fail();
    return value == 0 ? 1 : static_cast<int>(value);  // 0: some cameras do not know
  }
  return 1;
}

}  // namespace ferry::cli

// JPEG through libjpeg-turbo: accurate DCT, smooth upsampling, and no picture where the library warns of damaged data.
// The Python twin is samples/jpeg.py.
#include "image_format.hpp"

#ifdef FERRY_WITH_JPEG
#include <csetjmp>
#include <cstdint>
#include <cstdio>

#include <jpeglib.h>
#endif

namespace ferry::cli {

namespace {

struct Frame {
  std::int64_t width = 0;
  std::int64_t height = 0;
  std::size_t components = 0;
};

[[noreturn]] void refuse_header(const ImageRules& rules) { rules.refuse("a JPEG whose header is damaged", whole_file); }

std::size_t big_endian(std::string_view bytes, std::size_t at) {
  return static_cast<std::size_t>(level_of(bytes[at])) << 8U | level_of(bytes[at + 1]);
}

Frame parse_frame(std::string_view body, const ImageRules& rules) {
  const int bits = level_of(body[0]);
  const std::size_t components = level_of(body[5]);
  if (bits != 8) rules.refuse("a JPEG of " + std::to_string(bits) + " bits", "8 bits");
  if (components == 4) rules.refuse("a JPEG in CMYK", "grey or red, green and blue", "convert it to RGB");
  if (components != 1 && components != 3) rules.refuse("a JPEG of " + std::to_string(components) + " components", "1 or 3");
  return {static_cast<std::int64_t>(big_endian(body, 3)), static_cast<std::int64_t>(big_endian(body, 1)), components};
}

// What the segments in front of the first scan say.
class Header {
 public:
  Header(std::string_view file, const ImageRules& rules) : file_(file), rules_(&rules) {
    constexpr int start_of_scan = 0xDA;
    int marker = 0;
    do {
      const auto [found, body] = next();
      marker = found;
      read(marker, body);
    } while (marker != start_of_scan);
    if (frame_.components == 0) refuse_header(rules);
  }

  [[nodiscard]] const Frame& frame() const noexcept { return frame_; }
  [[nodiscard]] int orientation() const noexcept { return orientation_ == 0 ? 1 : orientation_; }

 private:
  std::pair<int, std::string_view> next() {
    constexpr int fill = 0xFF;
    int marker = fill;
    for (;; ++at_) {
      marker = at_ + 3 < file_.size() && level_of(file_[at_]) == fill ? level_of(file_[at_ + 1]) : 0;
      if (marker != fill) break;
    }
    const bool without_length = marker <= 1 || (marker >= 0xD0 && marker <= 0xD9);
    if (without_length) refuse_header(*rules_);
    const std::size_t length = big_endian(file_, at_ + 2);
    if (length < 2 || file_.size() - at_ - 2 < length) refuse_header(*rules_);
    const auto body = file_.substr(at_ + 4, length - 2);
    at_ += 2 + length;
    return {marker, body};
  }

  void read(int marker, std::string_view body) {
    constexpr std::string_view exif("Exif\0\0", 6);
    constexpr int app1 = 0xE1;
    constexpr int first_frame = 0xC0;
    if (marker == app1 && body.starts_with(exif) && orientation_ == 0)
      orientation_ = orientation_of(body.substr(exif.size()), *rules_);
    const bool is_frame = marker >= first_frame && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
    if (!is_frame) return;
    if (marker > 0xC2)
      rules_->refuse("a JPEG with frame SOF" + std::to_string(marker - first_frame),
                     "a baseline or progressive one with Huffman codes");
    if (frame_.components != 0 || body.size() < 6) refuse_header(*rules_);
    frame_ = parse_frame(body, *rules_);
  }

  std::string_view file_;
  const ImageRules* rules_;
  std::size_t at_ = 2;
  Frame frame_;
  int orientation_ = 0;  // 0: not found
};

#ifdef FERRY_WITH_JPEG

struct ErrorHandler {
  jpeg_error_mgr manager;  // first: the library hands out its address
  std::jmp_buf back;
};

// The library is C: no exception may pass through it, and this is the way out that it documents.
// NOLINTBEGIN(modernize-avoid-setjmp-longjmp)
[[noreturn]] void on_error(j_common_ptr decoder) { std::longjmp(reinterpret_cast<ErrorHandler*>(decoder->err)->back, 1); }

void on_message(j_common_ptr decoder, int level) {
  if (level < 0) on_error(decoder);  // a warning: the data are damaged, and the library would go on with grey
}

// Fills [height, width, components]; false where the file is cut short or damaged. Nothing here has a destructor that a jump
// would pass over.
bool read_pixels(std::string_view file, const Frame& frame, std::uint8_t* pixels) noexcept {
  jpeg_decompress_struct decoder{};
  ErrorHandler handler{};
  decoder.err = jpeg_std_error(&handler.manager);
  handler.manager.error_exit = on_error;
  handler.manager.emit_message = on_message;
  if (setjmp(handler.back) != 0) {
    jpeg_destroy_decompress(&decoder);
    return false;
  }
  jpeg_create_decompress(&decoder);
  jpeg_mem_src(&decoder, reinterpret_cast<const unsigned char*>(file.data()), file.size());
  static_cast<void>(jpeg_read_header(&decoder, TRUE));
  decoder.out_color_space = frame.components == 1 ? JCS_GRAYSCALE : JCS_RGB;
  decoder.dct_method = JDCT_ISLOW;
  decoder.do_fancy_upsampling = TRUE;
  static_cast<void>(jpeg_start_decompress(&decoder));
  const std::size_t row_bytes = static_cast<std::size_t>(frame.width) * frame.components;
  const bool as_said = decoder.output_width == static_cast<JDIMENSION>(frame.width) &&
                       decoder.output_height == static_cast<JDIMENSION>(frame.height) &&
                       decoder.output_components == static_cast<int>(frame.components);
  while (as_said && decoder.output_scanline < decoder.output_height) {
    JSAMPROW row = pixels + decoder.output_scanline * row_bytes;
    static_cast<void>(jpeg_read_scanlines(&decoder, &row, 1));
  }
  if (as_said) static_cast<void>(jpeg_finish_decompress(&decoder));
  jpeg_destroy_decompress(&decoder);
  return as_said;
}
// NOLINTEND(modernize-avoid-setjmp-longjmp)

std::vector<std::uint16_t> decode_levels(std::string_view file, const Frame& frame, const ImageRules& rules) {
  std::vector<std::uint8_t> pixels(static_cast<std::size_t>(frame.width * frame.height) * frame.components);
  if (!read_pixels(file, frame, pixels.data())) rules.refuse("a JPEG that is cut short or damaged", whole_file);
  return {pixels.begin(), pixels.end()};
}

#else

std::vector<std::uint16_t> decode_levels(std::string_view /*file*/, const Frame& /*frame*/, const ImageRules& rules) {
  throw Error(
      ErrorCode::unavailable,
      rules.name() + ": got JPEG and a ferry-run that was built without libjpeg-turbo, expected one with it; save it as PNG");
}

#endif

}  // namespace

Picture decode_jpeg(std::string_view file, const ImageRules& rules) {
  const Header header(file, rules);
  const auto& frame = header.frame();
  rules.require_size(frame.width, frame.height, header.orientation());
  return {.height = frame.height,
          .width = frame.width,
          .channels = frame.components,
          .levels = decode_levels(file, frame, rules),
          .orientation = header.orientation()};
}

}  // namespace ferry::cli

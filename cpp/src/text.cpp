#include "text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "float_text.hpp"

namespace ferry::text {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";
constexpr std::string_view replacement = "\xEF\xBF\xBD";  // U+FFFD

// First bytes of sequences, how long these are, and which second bytes may follow (RFC 3629, section 4).
struct Lead {
  unsigned first;
  unsigned last;
  std::size_t length;
  unsigned lowest;
  unsigned highest;
};
constexpr std::array<Lead, 8> leads = {{{0xC2, 0xDF, 2, 0x80, 0xBF},
                                        {0xE0, 0xE0, 3, 0xA0, 0xBF},
                                        {0xE1, 0xEC, 3, 0x80, 0xBF},
                                        {0xED, 0xED, 3, 0x80, 0x9F},
                                        {0xEE, 0xEF, 3, 0x80, 0xBF},
                                        {0xF0, 0xF0, 4, 0x90, 0xBF},
                                        {0xF1, 0xF3, 4, 0x80, 0xBF},
                                        {0xF4, 0xF4, 4, 0x80, 0x8F}}};

// The length of the UTF-8 sequence at the start of `text`; 0 where there is none.
std::size_t sequence_length(std::string_view text) noexcept {
  const auto byte = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U; };
  const unsigned first = byte(0);
  if (first < 0x80) return 1;
  const auto* lead =
      std::find_if(leads.begin(), leads.end(), [first](const Lead& one) { return first >= one.first && first <= one.last; });
  if (lead == leads.end() || byte(1) < lead->lowest || byte(1) > lead->highest) return 0;
  for (std::size_t i = 2; i < lead->length; ++i)
    if ((byte(i) & 0xC0U) != 0x80U) return 0;
  return lead->length;
}

// Of the UTF-8 sequence of that length at the start of `text`.
char32_t code_point(std::string_view text, std::size_t length) noexcept {
  constexpr std::array<unsigned, 5> first_bits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  char32_t point = static_cast<unsigned char>(text[0]) & first_bits.at(length);
  for (std::size_t i = 1; i < length; ++i) point = (point << 6U) | (static_cast<unsigned char>(text[i]) & 0x3FU);
  return point;
}

struct Range {
  char32_t first;
  char32_t last;
};
// Control characters; marks without width and those that turn the direction of writing; separators of lines and paragraphs;
// tags. python/torchferry/bundle/printable.py has the same.
constexpr std::array<Range, 9> unsafe = {{{0x00, 0x1F},
                                          {0x7F, 0x9F},
                                          {0x061C, 0x061C},
                                          {0x200B, 0x200F},
                                          {0x2028, 0x202E},
                                          {0x2060, 0x206F},
                                          {0xFEFF, 0xFEFF},
                                          {0xFFF9, 0xFFFB},
                                          {0xE0000, 0xE007F}}};

bool is_unsafe(char32_t point) noexcept {
  return std::any_of(unsafe.begin(), unsafe.end(), [point](Range range) { return point >= range.first && point <= range.last; });
}

// `\xNN`, `\uNNNN` or `\UNNNNNNNN`.
void append_escape(std::string& out, char letter, char32_t value, int digits) {
  out += '\\';
  out += letter;
  for (int digit = digits - 1; digit >= 0; --digit) out += hex_digits[(value >> (4U * static_cast<unsigned>(digit))) & 15U];
}

void append_printable_escape(std::string& out, char32_t point) {
  if (point < 0x100) return append_escape(out, 'x', point, 2);
  if (point < 0x10000) return append_escape(out, 'u', point, 4);
  append_escape(out, 'U', point, 8);
}

void append_json_ascii(std::string& out, char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      break;
    case '\\':
      out += "\\\\";
      break;
    case '\n':
      out += "\\n";
      break;
    case '\r':
      out += "\\r";
      break;
    case '\t':
      out += "\\t";
      break;
    default:
      if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
        append_escape(out, 'u', static_cast<unsigned char>(c), 4);
      } else {
        out += c;
      }
  }
}

// One character of a JSON document: `\uNNNN`, in two halves beyond U+FFFF, where a terminal would act on it.
void append_json_safe(std::string& out, std::string_view character) {
  const char32_t point =
      character.size() == 1 ? static_cast<unsigned char>(character[0]) : code_point(character, character.size());
  if (point == '\n' || !is_unsafe(point)) {
    out += character;
  } else if (point < 0x10000) {
    append_escape(out, 'u', point, 4);
  } else {
    append_escape(out, 'u', 0xD800 + ((point - 0x10000) >> 10U), 4);
    append_escape(out, 'u', 0xDC00 + ((point - 0x10000) & 0x3FFU), 4);
  }
}

// `[-]d.ddd` times ten to `exponent`, which is at least -4, without an exponent.
void append_fixed(std::string& out, std::string_view mantissa, int exponent) {
  if (mantissa.starts_with('-')) {
    out += '-';
    mantissa.remove_prefix(1);
  }
  std::string digits(mantissa.substr(0, 1));
  if (mantissa.size() > 2) digits += mantissa.substr(2);
  if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
    return;
  }
  const auto whole = static_cast<std::size_t>(exponent) + 1;
  if (digits.size() <= whole) digits.append(whole - digits.size() + 1, '0');
  out.append(digits, 0, whole).append(".").append(digits, whole);
}

template <typename Float>
void append_number(std::string& out, Float value) {
  if (!std::isfinite(value)) {
    const std::string_view infinity = value > 0 ? "\"inf\"" : "\"-inf\"";
    out += std::isnan(value) ? "\"nan\"" : infinity;
    return;
  }
  // As Python writes it: with an exponent below 1e-4 and from 1e16 on; else with a point, so that a float stays a float for
  // readers that tell them from integers.
  const std::string written = float_text::scientific(value);
  const auto mark = written.find('e');
  const int exponent = std::stoi(written.substr(mark + 1));
  constexpr int least = -4;
  constexpr int most = 15;
  if (exponent < least || exponent > most)
    out += written;
  else
    append_fixed(out, std::string_view(written).substr(0, mark), exponent);
}

}  // namespace

std::string short_number(double value, int digits) { return float_text::general(value, digits); }

std::string exact_number(double value) { return float_text::shortest(value); }

bool is_utf8(std::string_view text) noexcept {
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 0) return false;
    text.remove_prefix(length);
  }
  return true;
}

std::string printable(std::string_view raw, std::size_t max_bytes) {
  std::string out;
  while (!raw.empty()) {
    if (out.size() >= max_bytes) return out + "...";
    const std::size_t length = sequence_length(raw);
    if (length == 0) {
      append_escape(out, 'x', static_cast<unsigned char>(raw.front()), 2);
    } else if (const char32_t point = code_point(raw, length); is_unsafe(point)) {
      append_printable_escape(out, point);
    } else {
      out += raw.substr(0, length);
    }
    raw.remove_prefix(std::max<std::size_t>(length, 1));
  }
  return out;
}

std::string utf8(const std::filesystem::path& path) {
  const auto text = path.u8string();
  return {reinterpret_cast<const char*>(text.data()), text.size()};
}

std::filesystem::path path_of(std::string_view utf8) {
  return {std::u8string(reinterpret_cast<const char8_t*>(utf8.data()), utf8.size())};
}

std::string shown(const std::filesystem::path& path) { return printable(utf8(path)); }

std::string quoted(std::string_view word) { return word.empty() ? "nothing" : "'" + printable(word) + "'"; }

std::string_view first_characters(std::string_view text, std::size_t count) noexcept {
  std::size_t end = 0;
  for (std::size_t i = 0; i < count && end < text.size(); ++i) end += std::max<std::size_t>(sequence_length(text.substr(end)), 1);
  return text.substr(0, end);
}

std::string printable_lines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    out += printable(text.substr(0, end), std::string::npos);
    if (end < text.size()) out += '\n';
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string json_safe(std::string_view document) {
  std::string out;
  while (!document.empty()) {
    const std::size_t length = std::max<std::size_t>(sequence_length(document), 1);
    append_json_safe(out, document.substr(0, length));
    document.remove_prefix(length);
  }
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const std::size_t length = sequence_length(text);
    if (length == 1) {
      append_json_ascii(out, text.front());
    } else {
      append_json_safe(out, length == 0 ? replacement : text.substr(0, length));
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

void append_json_number(std::string& out, float value) { append_number(out, value); }
void append_json_number(std::string& out, double value) { append_number(out, value); }

}  // namespace ferry::text

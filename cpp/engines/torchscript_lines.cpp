#include "torchscript_lines.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <utility>

#include "torchscript_pickle.hpp"

namespace ferry::torchscript {

namespace {

using Kind = Token::Kind;
using Tokens = std::vector<Token>;

constexpr int max_depth = 100;  // of brackets, and of blocks: PyTorch's parser calls itself for each
constexpr std::size_t max_shown_code = 20;
constexpr std::array<std::string_view, 5> bases = {"Enum", "Interface", "Module", "ModuleInterface", "NamedTuple"};

bool is_letter(char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_name_part(char c) { return is_letter(c) || is_digit(c); }

// ---- tokens -------------------------------------------------------------------------------------------------------------

// Each of these gives the length of what stands at `at`, 0 where that is something else.
char peek(std::string_view text, std::size_t at) { return at < text.size() ? text[at] : '\0'; }

std::size_t name_length(std::string_view text, std::size_t at) {
  if (!is_letter(peek(text, at))) return 0;
  auto stop = at;
  while (is_name_part(peek(text, stop))) ++stop;
  return stop - at;
}

// `a.b.c`, from the first name; `start` is where it stands.
std::size_t chain_length(std::string_view text, std::size_t start) {
  auto stop = start + name_length(text, start);
  while (stop > start && peek(text, stop) == '.') {
    const auto more = name_length(text, stop + 1);
    if (more == 0) break;
    stop += 1 + more;
  }
  return stop - start;
}

std::size_t digits_length(std::string_view text, std::size_t at) {
  auto stop = at;
  while (is_digit(peek(text, stop))) ++stop;
  return stop - at;
}

std::size_t exponent_length(std::string_view text, std::size_t at) {
  if (peek(text, at) != 'e' && peek(text, at) != 'E') return 0;
  const std::size_t sign = peek(text, at + 1) == '+' || peek(text, at + 1) == '-' ? 1 : 0;
  const auto digits = digits_length(text, at + 1 + sign);
  return digits == 0 ? 0 : 1 + sign + digits;
}

std::size_t number_length(std::string_view text, std::size_t at) {
  auto stop = at + digits_length(text, at);
  if (stop == at) return 0;
  if (peek(text, stop) == '.') stop += 1 + digits_length(text, stop + 1);
  stop += exponent_length(text, stop);
  if (peek(text, stop) == 'j') ++stop;
  const char after = peek(text, stop);
  return is_name_part(after) || after == '.' || after == '"' ? 0 : stop - at;
}

std::size_t string_length(std::string_view text, std::size_t at) {
  const auto is_printable = [](char c) { return c >= ' ' && c <= '~'; };
  if (peek(text, at) != '"') return 0;
  auto stop = at + 1;
  for (; peek(text, stop) != '"'; ++stop) {
    if (peek(text, stop) == '\\') ++stop;
    if (!is_printable(peek(text, stop))) return 0;
  }
  const char after = peek(text, ++stop);
  return is_name_part(after) || after == '"' ? 0 : stop - at;
}

std::size_t mark_length(std::string_view text, std::size_t at) {
  if (text.substr(at, 2) == "->") return 2;
  return std::string_view("()[]{},:=-").find(peek(text, at)) == std::string_view::npos ? 0 : 1;
}

// The token at `at`, which is no space and no end of a line.
std::optional<Token> read_token(std::string_view text, std::size_t at) {
  if (const auto size = chain_length(text, at)) return Token{Kind::chain, text.substr(at, size)};
  if (const auto size = number_length(text, at)) return Token{Kind::number, text.substr(at, size)};
  if (const auto size = string_length(text, at)) return Token{Kind::string, text.substr(at, size)};
  if (const auto size = peek(text, at) == '.' ? chain_length(text, at + 1) : 0)
    return Token{Kind::access, text.substr(at, 1 + size)};
  if (const auto size = mark_length(text, at)) return Token{Kind::mark, text.substr(at, size)};
  return std::nullopt;
}

struct Logical {
  int indent = 0;
  Tokens tokens;
};

// Cuts the text: each line's indentation and tokens; a line goes on inside brackets only.
class Cutter {
 public:
  Cutter(const std::string& module, std::string_view text) : module_(module), text_(text) {}

  std::vector<Logical> cut() {
    for (std::size_t at = 0; at < text_.size();) {
      const auto start = at;
      while (peek(text_, at) == ' ') ++at;
      if (at == text_.size()) break;
      at += text_[at] == '\n' ? end_line() : take_token(at, at - start);
    }
    if (depth_ != 0 || !line_.tokens.empty()) throw SourceError(module_ + ": got a line without an end, expected whole ones");
    return std::exchange(lines_, {});
  }

 private:
  // Both return the length of what they take.
  std::size_t end_line() {
    if (!line_.tokens.empty() && depth_ == 0) lines_.push_back(std::exchange(line_, {}));
    return 1;
  }

  std::size_t take_token(std::size_t at, std::size_t spaces) {
    const auto token = read_token(text_, at);
    if (!token) throw SourceError(module_ + ": got " + show(code_at(at)) + ", expected code as PyTorch writes it");
    if (line_.tokens.empty()) line_.indent = static_cast<int>(std::min(spaces, std::size_t{10} * max_depth));
    line_.tokens.push_back(*token);
    if (token->kind == Kind::mark) depth_ += depth_of(token->text);
    if (depth_ < 0 || depth_ > max_depth)
      throw SourceError(module_ + ": got brackets " + std::to_string(depth_) + " deep, expected 0 to " +
                        std::to_string(max_depth));
    if (line_.indent > 2 * max_depth)
      throw SourceError(module_ + ": got deeply nested blocks, expected at most " + std::to_string(max_depth));
    return token->text.size();
  }

  [[nodiscard]] std::string_view code_at(std::size_t at) const {
    return text_.substr(at, text_.find_first_of(" \n", at) - at).substr(0, max_shown_code);
  }

  const std::string& module_;
  std::string_view text_;
  std::vector<Logical> lines_;
  Logical line_;
  int depth_ = 0;
};

// Does the line begin a function or a class of a kind that PyTorch writes?
bool is_header(const Tokens& tokens) {
  if (tokens.size() < 3 || tokens[1].kind != Kind::chain || tokens[1].text.find('.') != std::string_view::npos ||
      tokens.back().text != ":")
    return false;
  if (tokens[0].text == "def") return tokens[2].text == "(";
  const bool has_base = tokens.size() == 6 && tokens[2].text == "(" && std::ranges::find(bases, tokens[3].text) != bases.end() &&
                        tokens[4].text == ")";
  return tokens[0].text == "class" && (tokens.size() == 3 || has_base);
}

// Puts one line after the other into its class and function.
class Places {
 public:
  explicit Places(const std::string& module) : module_(module) {}

  Line place(Logical line) {
    const auto head = line.tokens[0].text;
    const bool header = is_header(line.tokens);
    if (line.indent == 0) return place_outside(std::move(line.tokens), header);
    if (!owner_.empty() && line.indent == 2 && head != "class" && (header || head != "def")) {
      function_ = header ? owner_ + "." + std::string(line.tokens[1].text) : std::string();
      return {std::move(line.tokens), owner_, function_.empty() ? owner_ : function_, true};
    }
    if (!function_.empty() && head != "def" && head != "class") return {std::move(line.tokens), owner_, function_, false};
    const auto& outer = owner_.empty() ? module_ : owner_;
    throw SourceError((function_.empty() ? outer : function_) + ": got " + show(head) + " inside, expected statements only");
  }

 private:
  Line place_outside(Tokens tokens, bool header) {
    const auto head = tokens[0].text;
    const auto name = header ? module_ + "." + std::string(tokens[1].text) : std::string();
    if (!header || !known_.insert(name).second)
      throw SourceError(module_ + ": got " + show(head) + " outside, expected classes and functions, each name once");
    owner_ = head == "class" ? name : "";
    function_ = head == "class" ? "" : name;
    return {std::move(tokens), "", name, true};
  }

  const std::string& module_;
  std::string owner_;
  std::string function_;
  std::set<std::string> known_;
};

}  // namespace

bool is_opening(std::string_view text) { return text == "(" || text == "[" || text == "{"; }
bool is_closing(std::string_view text) { return text == ")" || text == "]" || text == "}"; }
int depth_of(std::string_view text) { return static_cast<int>(is_opening(text)) - static_cast<int>(is_closing(text)); }

std::vector<Line> placed_lines(const std::string& module, std::string_view text) {
  std::vector<Line> lines;
  Places places(module);
  for (auto& line : Cutter(module, text).cut()) lines.push_back(places.place(std::move(line)));
  return lines;
}

}  // namespace ferry::torchscript

#include "torchscript_source.hpp"

#include <algorithm>
#include <array>
#include <optional>

#include "torchscript_operators.hpp"
#include "torchscript_pickle.hpp"

namespace ferry::torchscript {

namespace {

using Kind = Token::Kind;
using Tokens = std::vector<Token>;

constexpr std::string_view native_classes = "__torch__.torch.classes";
constexpr std::string_view defaults_run = "a literal; defaults run while the archive is loaded";
constexpr std::array<std::string_view, 2> state_methods = {"__getstate__", "__setstate__"};

// The grammar's words and PyTorch's builtins: names that are there without being defined.
const std::set<std::string_view>& words() {
  static const std::set<std::string_view> names = {
      "and",   "as",         "assert", "break",     "continue", "del",    "elif",     "else",           "False",
      "for",   "if",         "in",     "is",        "None",     "not",    "or",       "pass",           "return",
      "True",  "while",      "with",   "print",     "tuple",    "float",  "int",      "bool",           "complex",
      "str",   "isinstance", "range",  "rangelist", "list",     "dict",   "annotate", "unchecked_cast", "uninitialized",
      "inf",   "nan",        "infj",   "nanj",      "Tensor",   "number", "NoneType", "List",           "Dict",
      "Tuple", "Optional",   "Union",  "Final",     "Any",      "Device", "Layout",   "ScalarType",     "MemoryFormat"};
  return names;
}

template <std::size_t Count>
bool is_in(const std::array<std::string_view, Count>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

std::vector<std::string_view> split(std::string_view chain) {
  std::vector<std::string_view> parts;
  for (;;) {
    const auto dot = chain.find('.');
    parts.push_back(chain.substr(0, dot));
    if (dot == std::string_view::npos) return parts;
    chain.remove_prefix(dot + 1);
  }
}

std::string_view text_at(const Tokens& tokens, std::size_t at) {
  return at < tokens.size() ? tokens[at].text : std::string_view();
}

// Does the line of a class declare a value of each object, and not a constant of the class?
bool is_attribute(const Tokens& tokens) {
  return tokens[0].text == "__annotations__" || (text_at(tokens, 1) == ":" && text_at(tokens, 2) != "Final");
}

bool is_plain_string(std::string_view text) { return text.find('\\') == std::string_view::npos; }
std::string_view unquoted(std::string_view text) { return text.substr(1, text.size() - 2); }

// The attribute or method that a line of a class declares.
std::optional<std::string_view> declared(const Line& line) {
  const auto& tokens = line.tokens;
  if (tokens[0].text == "def") return tokens[1].text;
  if (tokens[0].text == "__annotations__" && tokens.size() > 3 && tokens[2].kind == Kind::string) {
    const auto found = unquoted(tokens[2].text);
    if (!is_plain_string(found) || is_in(state_methods, found))
      throw SourceError(line.where + ": got attribute " + show(found) + ", expected a plain name");
    return found;
  }
  return tokens[0].kind == Kind::chain ? std::optional(tokens[0].text) : std::nullopt;
}

// The place of the first `=` that is in no bracket; 0 where there is none.
std::size_t assignment(const Tokens& tokens) {
  int depth = 0;
  for (std::size_t at = 0; at < tokens.size(); ++at) {
    depth += depth_of(tokens[at].text);
    if (tokens[at].text == "=" && depth == 0) return at;
  }
  return 0;
}

bool has(const Tokens& tokens, std::string_view word) { return std::ranges::find(tokens, word, &Token::text) != tokens.end(); }

using Bound = std::set<std::string, std::less<>>;

// The names in front of a colon, and that of the function or class.
Bound declared_names(const Tokens& tokens) {
  Bound names;
  for (std::size_t at = 0; at + 1 < tokens.size(); ++at)
    if (tokens[at + 1].text == ":" || at == 1) names.emplace(tokens[at].text);
  return names;
}

// The names between `for` and `in`, or in front of `=`.
Bound assigned_names(const Tokens& tokens) {
  Bound names;
  const bool is_loop = tokens[0].text == "for" && has(tokens, "in");
  const auto in = static_cast<std::size_t>(std::ranges::find(tokens, "in", &Token::text) - tokens.begin());
  const auto stop = is_loop ? in : assignment(tokens);
  for (std::size_t at = is_loop ? 1 : 0; at < stop; ++at) names.emplace(tokens[at].text);
  return names;
}

// ---- one line's names -----------------------------------------------------------------------------------------------------

// Looks at the names of one line.
class Judge {
 public:
  Judge(const Line& line, const Names& names, const std::set<std::string, std::less<>>& bound, bool keeps_self)
      : line_(line), names_(names), bound_(bound), keeps_self_(keeps_self) {}

  void judge(std::vector<Use>& uses) {
    uses_ = &uses;
    int depth = 0;
    for (std::size_t at = 0; at < line_.tokens.size(); ++at) {
      const auto& [kind, text] = line_.tokens[at];
      if (kind == Kind::mark) {
        if (is_opening(text)) check_opening(at, depth);
        depth += depth_of(text);
      } else if (kind == Kind::access) {
        look_at_accesses(split(text.substr(1)), at, false);
      } else if (kind == Kind::chain) {
        const bool is_keyword = depth != 0 && next(at) == "=" && text.find('.') == std::string_view::npos;
        if (!is_keyword) look_at_chain(split(text), text, at);
      }
    }
  }

 private:
  using Parts = std::vector<std::string_view>;

  // A declaration calls nothing: its defaults run while the archive is loaded.
  void check_opening(std::size_t at, int depth) const {
    const auto& tokens = line_.tokens;
    if (!line_.is_declaration || tokens[at].text != "(" || at == 0) return;
    const auto& before = tokens[at - 1];
    const bool is_signature = depth == 0 && at == 2 && (tokens[0].text == "def" || tokens[0].text == "class");
    if (!is_signature && (before.kind == Kind::chain || before.kind == Kind::access || is_closing(before.text)))
      refuse("a default that calls something", defaults_run);
  }

  void look_at_chain(const Parts& parts, std::string_view chain, std::size_t at) const {
    const auto root = parts[0];
    if (root == "torch" || root == "ops") {
      look_at_operator(parts, chain);
    } else if (root == "__torch__") {
      check_reference(parts, chain);
    } else if (root == "CONSTANTS") {
      look_at_accesses({parts.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(2, parts.size())), parts.end()}, at,
                       false);
    } else if (root == "getattr") {
      look_at_getattr(at);
    } else if (root == "fork" || root == "awaitable") {
      use("prim::", root);
    } else {
      check_root(root);
      look_at_accesses({parts.begin() + 1, parts.end()}, at, root == "self" && keeps_self_);
    }
  }

  void look_at_operator(const Parts& parts, std::string_view chain) const {
    if (line_.is_declaration) refuse(show(chain) + " in a declaration", defaults_run);
    if (parts.size() == 2 && parts[0] == "torch") {
      use("aten::", parts[1]);
    } else if (parts.size() == 3 && parts[0] == "ops") {
      use(std::string(parts[1]) + "::", parts[2]);
    } else {
      refuse("the name " + show(chain), "torch.NAME or ops.NAMESPACE.NAME");
    }
  }

  void check_reference(const Parts& parts, std::string_view chain) const {
    if (chain.starts_with(native_classes)) refuse("the native class " + show(chain), "classes of the archive only");
    if (std::ranges::any_of(parts, [](auto part) { return is_in(state_methods, part); })) refuse_state();
  }

  void check_root(std::string_view name) const {
    if (is_in(state_methods, name)) refuse_state();
    // The names of a declaration are types, attributes and parameters; none can lead to an operator.
    if (!line_.is_declaration && !words().contains(name) && !bound_.contains(name))
      refuse("the name " + show(name), "a name that the code defines or that PyTorch's own code needs");
  }

  void look_at_getattr(std::size_t at) const {
    const auto& tokens = line_.tokens;
    const bool has_form = at + 5 < tokens.size() && tokens[at + 1].text == "(" && tokens[at + 2].kind == Kind::chain &&
                          tokens[at + 3].text == "," && tokens[at + 4].kind == Kind::string && tokens[at + 5].text == ")";
    if (!has_form || !is_plain_string(tokens[at + 4].text) || line_.is_declaration)
      refuse("getattr in another form", "getattr(VALUE, \"NAME\")");
    look_at_accesses({unquoted(tokens[at + 4].text)}, at + 5, tokens[at + 2].text == "self" && keeps_self_);
  }

  // Names behind a dot: attributes and methods of the archive's classes, or operators on a value.
  void look_at_accesses(const Parts& parts, std::size_t at, bool of_self) const {
    for (std::size_t i = 0; i < parts.size(); ++i) {
      const auto name = parts[i];
      if (is_in(state_methods, name)) refuse_state();
      if (i == 0 && of_self && is_field(name)) continue;
      const bool is_called = i + 1 == parts.size() && next(at) == "(";
      const auto aten = "aten::" + std::string(name);
      const bool is_refused = refused_operators().contains(aten);
      if (names_.declared.contains(name) && !(is_refused && is_called)) continue;
      const bool is_allowed = allowed_operators().contains(aten) || allowed_operators().contains("prim::" + std::string(name));
      if (is_refused || !is_allowed) use("aten::", name);
    }
  }

  [[nodiscard]] bool is_field(std::string_view name) const {
    const auto fields = names_.fields.find(line_.owner);
    return fields != names_.fields.end() && fields->second.contains(name);
  }

  [[nodiscard]] std::string_view next(std::size_t at) const { return text_at(line_.tokens, at + 1); }

  void use(const std::string& space, std::string_view name) const { uses_->push_back({space + std::string(name), line_.where}); }

  [[noreturn]] void refuse_state() const { refuse("a method that runs while the archive is loaded (__setstate__)", "none"); }
  [[noreturn]] void refuse(const std::string& got, std::string_view expected) const {
    throw SourceError(line_.where + ": got " + got + ", expected " + std::string(expected));
  }

  const Line& line_;
  const Names& names_;
  const std::set<std::string, std::less<>>& bound_;
  bool keeps_self_;
  std::vector<Use>* uses_ = nullptr;
};

std::string module_of(std::string_view entry) {
  constexpr std::string_view folder = "code/";
  constexpr std::string_view ending = ".py";
  std::string module(entry.substr(folder.size(), entry.size() - folder.size() - ending.size()));
  std::ranges::replace(module, '/', '.');
  return module;
}

}  // namespace

Source::Source(std::string_view entry, std::string_view text) : module_(module_of(entry)), lines_(placed_lines(module_, text)) {}

void Source::declare(Names& names) {
  for (const auto& line : lines_) {
    const auto found = line.is_declaration && !line.owner.empty() ? declared(line) : std::nullopt;
    if (found) names.declared.emplace(*found);
    if (found && is_attribute(line.tokens)) names.fields[line.owner].emplace(*found);
    bind(line);
  }
}

// Notes the names that the line gives a value.
void Source::bind(const Line& line) {
  const auto& tokens = line.tokens;
  const auto self = std::ranges::count(tokens, "self", &Token::text);
  auto names = line.is_declaration ? declared_names(tokens) : assigned_names(tokens);
  const bool is_changed = names.contains("self") || ((has(tokens, "for") || has(tokens, "as")) && self > 0);
  if (line.is_declaration ? self > 1 : is_changed) keeps_self_ = false;
  bound_.merge(names);
}

std::vector<Use> Source::uses(const Names& names) const {
  std::vector<Use> found;
  for (const auto& line : lines_) Judge(line, names, bound_, keeps_self_).judge(found);
  return found;
}

}  // namespace ferry::torchscript

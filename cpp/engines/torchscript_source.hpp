// The code of a TorchScript archive, judged without running it. Standard library only.
// python/torchferry/engines/torchscript_source.py is its twin.
//
// PyTorch writes code in one form: double-quoted strings, no comments, no line continued but inside brackets, ASCII only. Here
// nothing else is taken, so that what this reader sees is what PyTorch's own parser sees. Every name that can lead to an operator
// is then looked at, whether it is called or not: `torch.f`, `ops.ns.f`, `.f` on any value, and builtins. Defaults of parameters
// and of attributes run while an archive is loaded: they are literals.
#pragma once

#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace ferry::torchscript {

// What is wrong with the code: `where: got X, expected Y`.
class SourceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

// What the classes of a whole archive declare: the names that may follow a dot.
struct Names {
  std::set<std::string, std::less<>> declared;
  std::map<std::string, std::set<std::string, std::less<>>> fields;  // by qualified class
};

// An operator, and the method or function that names it.
struct Use {
  std::string operation;
  std::string where;
};

struct Token {
  enum class Kind { chain, access, number, string, mark };
  Kind kind;
  std::string_view text;  // into the code
};

// A logical line: its tokens, the class and function around it, and whether it declares instead of doing something.
struct Line {
  std::vector<Token> tokens;
  std::string owner;
  std::string where;
  bool is_declaration = false;
};

// One file of code, cut into logical lines. The text must outlive it.
class Source {
 public:
  // `entry` is a path such as `code/__torch__/net.py`. Throws SourceError for text that PyTorch does not write.
  Source(std::string_view entry, std::string_view text);

  // Adds the attributes and methods of this file's classes.
  void declare(Names& names);

  // Every operator that the code names. Throws SourceError for what is refused whatever the user allows.
  [[nodiscard]] std::vector<Use> uses(const Names& names) const;

 private:
  void bind(const Line& line);

  std::string module_;
  std::vector<Line> lines_;
  std::set<std::string, std::less<>> bound_;
  bool keeps_self_ = true;  // `self` is the first parameter of each method and never anything else
};

}  // namespace ferry::torchscript

// The code of a TorchScript archive, cut into lines. Standard library only.
// python/torchferry/engines/torchscript_lines.py is its twin.
//
// PyTorch writes code in one form: double-quoted strings, no comments, no line continued but inside brackets, ASCII only. Here
// nothing else is taken, so that what this reader sees is what PyTorch's own parser sees.
#pragma once

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

// Cuts the code of a module into logical lines, which point into the text. Throws SourceError for text that PyTorch does not
// write.
[[nodiscard]] std::vector<Line> placed_lines(const std::string& module, std::string_view text);

[[nodiscard]] bool is_opening(std::string_view text);
[[nodiscard]] bool is_closing(std::string_view text);
// By how much a token changes the depth of brackets: 1, 0 or -1.
[[nodiscard]] int depth_of(std::string_view text);

}  // namespace ferry::torchscript

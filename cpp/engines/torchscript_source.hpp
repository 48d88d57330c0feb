// The code of a TorchScript archive, judged without running it. Standard library only.
// python/torchferry/engines/torchscript_source.py is its twin.
//
// Every name that can lead to an operator is looked at, whether it is called or not: `torch.f`, `ops.ns.f`, `.f` on any value,
// and builtins. Defaults of parameters and of attributes run while an archive is loaded: they are literals.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "torchscript_lines.hpp"

namespace ferry::torchscript {

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

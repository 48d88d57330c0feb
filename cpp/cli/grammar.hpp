// The verbs and options of ferry-run as JSON: what `ferry-run --grammar` prints, and man pages and completions are made of.
#pragma once

#include <string>

namespace CLI {
class App;
}

namespace ferry::cli {

// {"about", "footer", "options", "verbs": [{"name", "about", "footer", "options": [{"names", "metavar", "about", "required",
// "repeated"}]}]}. An option without a metavar takes no value; a name without a dash is an argument.
[[nodiscard]] std::string grammar_json(const CLI::App& app);

}  // namespace ferry::cli

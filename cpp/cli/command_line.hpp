// What the words behind `ferry-run` ask for.
#pragma once

#include <functional>
#include <string>
#include <vector>

namespace ferry::cli {

// Runs a verb, or prints the text of --help or --version; returns the exit code.
using Command = std::function<int()>;

// `words`: the program, then what follows it. Throws Error of code usage.
[[nodiscard]] Command parse(const std::vector<std::string>& words);

}  // namespace ferry::cli
